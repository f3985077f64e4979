package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/spf13/cobra"
)

// askFlags are the flags that say which node a command asks, and how to print the answer.
type askFlags struct {
	addrs    addresses
	password string
	everyone bool // whether the password may be sent to addresses that only nodes have named
	json     bool
}

func (f *askFlags) register(cmd *cobra.Command) {
	f.addrs = addresses{{"127.0.0.1", clientPortDefault}}
	flags := cmd.PersistentFlags()
	flags.Var(&f.addrs, "addr", "where clients connect to a node; of several, the first that is there is asked")
	flags.StringVar(&f.password, "password", "", "the password of the nodes; better set as "+variable("password")+", since others can read a command line")
	flags.BoolVar(&f.json, "json", false, "print JSON instead of a table")
}

// addressesOf returns the addresses at which to try a member: first the one that it
// advertises, then those of --addr. A node can advertise any address. So the password
// goes only to addresses that the operator has named, unless --everyone is set.
func (f *askFlags) addressesOf(m *memberStatus) []string {
	var addrs []string
	if m.ClientAddr != nil && (f.password == "" || f.everyone) {
		addrs = append(addrs, *m.ClientAddr)
	}
	for _, addr := range f.addrs {
		if text := addr.String(); !slices.Contains(addrs, text) {
			addrs = append(addrs, text)
		}
	}
	return addrs
}

// withheld reports whether a member's advertised address is left out to protect the
// password.
func (f *askFlags) withheld(m *memberStatus) bool {
	return m.ClientAddr != nil && !slices.Contains(f.addressesOf(m), *m.ClientAddr)
}

// addresses is a list of nodes' addresses.
type addresses []address

func (a *addresses) Type() string { return "host:port,…" }

func (a *addresses) String() string {
	var text []string
	for _, one := range *a {
		text = append(text, one.String())
	}
	return strings.Join(text, ",")
}

func (a *addresses) Set(text string) error {
	var list addresses
	for part := range strings.SplitSeq(text, ",") {
		parsed, err := parseAddress(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if parsed.host == "" {
			parsed.host = "127.0.0.1"
		}
		list = append(list, parsed)
	}
	*a = list
	return nil
}

// asked is a connection to one node.
type asked struct {
	addr string
	conn *redis.Client
}

// dial prepares a connection to one node. It does not connect yet.
func (f *askFlags) dial(addr string) *asked {
	return &asked{addr, redis.NewClient(&redis.Options{
		Addr: addr, Password: f.password, Protocol: 3, MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true,
		DialTimeout: askDialTimeout, ReadTimeout: askWithin, WriteTimeout: askDialTimeout, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
}

// libraryLog writes what go-redis logs at the debug level.
type libraryLog struct{}

func (libraryLog) Printf(_ context.Context, format string, args ...any) {
	slog.Debug(fmt.Sprintf(format, args...))
}

func (a *asked) close() { a.conn.Close() }

// open connects to the first node that answers and has entered its cluster.
func (f *askFlags) open(ctx context.Context) (*asked, error) {
	var failures []string
	for _, addr := range f.addrs {
		a := f.dial(addr.String())
		err := a.conn.Do(ctx, "cluster", "myid").Err()
		switch {
		case answered(err) && strings.HasPrefix(err.Error(), "LOADING "):
			err = errors.New("it is starting or waits for others")
		case err == nil || answered(err):
			return a, nil // any other error will come again when the command itself is sent
		}
		a.close()
		failures = append(failures, fmt.Sprintf("%s (%v)", a.addr, plainly(err)))
	}
	return nil, &failure{code: exitFailed, text: "no node answers at " + strings.Join(failures, " nor at ") +
		"; give the address of one with --addr"}
}

// answered reports whether err is an error reply of a server.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// unreached reports whether there was no connection to the node, so that it received nothing.
func unreached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// plainly strips what go-redis puts before an error of the network.
func plainly(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if !strings.Contains(err.Error(), ": ") {
			break
		}
		err = inner
	}
	return err
}

// do sends the node one command and returns its reply.
func (a *asked) do(ctx context.Context, words ...string) (any, error) {
	args := make([]any, len(words))
	for i, word := range words {
		args[i] = word
	}
	value, err := a.conn.Do(ctx, args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, a.explain(err)
	}
	return value, nil
}

// explain turns a node's error into one that says what a person can do about it.
func (a *asked) explain(err error) error {
	text := err.Error()
	code, rest, _ := strings.Cut(text, " ")
	password := "give the right one as " + variable("password") + " or --password"
	switch {
	case unreached(err):
		return &failure{exitFailed, fmt.Sprintf("the node at %s cannot be reached: %v; see whether it runs", a.addr, plainly(err))}
	case !answered(err):
		return &failure{exitUnknown, fmt.Sprintf("the node at %s has not answered, and may or may not have done it: %v; look with \"kvorum status\"", a.addr, plainly(err))}
	case code == "WRONGPASS":
		return &failure{exitFailed, fmt.Sprintf("the node at %s refuses the password; %s", a.addr, password)}
	case code == "NOAUTH":
		return &failure{exitFailed, fmt.Sprintf("the node at %s asks for a password; %s", a.addr, password)}
	case code == "LOADING":
		return &failure{exitFailed, fmt.Sprintf("the node at %s is starting or waits for others (%s); ask another, or try again", a.addr, rest)}
	case code == "UNCERTAIN":
		return &failure{exitUnknown, rest}
	case strings.HasPrefix(text, "ERR unknown command"):
		return &failure{exitFailed, fmt.Sprintf("what answers at %s is no Kvorum node: %s", a.addr, rest)}
	case code == "ERR":
		return &failure{exitFailed, "refused: " + rest}
	}
	return &failure{exitFailed, text}
}

// failure is an error with its own exit code.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

// plain converts a RESP3 reply into values that JSON can encode.
func plain(value any) any {
	switch v := value.(type) {
	case map[any]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[fmt.Sprint(key)] = plain(one)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = plain(one)
		}
		return list
	}
	return value
}

// decodeReply decodes a reply into a struct by the struct's JSON names.
func decodeReply(value, into any) error {
	encoded, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(encoded, into)
	}
	if err != nil {
		return fmt.Errorf("read the node's answer: %w", err)
	}
	return nil
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
