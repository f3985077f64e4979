package main

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/cmd/internal/server"
)

// The types of flags. Each refuses a wrong value and says what would be right.

// address is host:port. The host may be empty where that means every interface.
type address struct {
	host string
	port int
}

func (a *address) Type() string { return "host:port" }

func (a *address) String() string {
	if a.port == 0 {
		return ""
	}
	return net.JoinHostPort(a.host, strconv.Itoa(a.port))
}

func (a *address) Set(text string) error {
	parsed, err := parseAddress(text)
	if err == nil {
		*a = parsed
	}
	return err
}

func parseAddress(text string) (address, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return address{}, fmt.Errorf("%q is no address; want host:port or :port, as in 127.0.0.1:6379", text)
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 1 || number > portMax {
		return address{}, fmt.Errorf("%q has port %q; want a number from 1 to %d", text, port, portMax)
	}
	return address{host, number}, nil
}

// everywhere reports whether the host stands for all interfaces. Others cannot dial
// such an address.
func (a *address) everywhere() bool {
	ip := net.ParseIP(a.host)
	return a.host == "" || ip != nil && ip.IsUnspecified()
}

// optionalAddress is an address, or "none".
type optionalAddress struct {
	address
	none bool
}

func (a *optionalAddress) Type() string { return "host:port|none" }

func (a *optionalAddress) String() string {
	if a.none {
		return "none"
	}
	return a.address.String()
}

func (a *optionalAddress) Set(text string) error {
	if text == "none" {
		*a = optionalAddress{none: true}
		return nil
	}
	a.none = false
	return a.address.Set(text)
}

// choice is one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) Type() string   { return strings.Join(c.of, "|") }
func (c *choice) String() string { return c.value }

func (c *choice) Set(text string) error {
	for _, word := range c.of {
		if text == word {
			c.value = text
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(c.of, ", "))
}

// interval is a duration within bounds.
type interval struct {
	value    time.Duration
	min, max time.Duration
}

func (d *interval) Type() string   { return "duration" }
func (d *interval) String() string { return d.value.String() }

func (d *interval) Set(text string) error {
	value, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration; want one from %s to %s, as in 5s or 800ms", text, d.min, d.max)
	}
	if value < d.min || value > d.max {
		return fmt.Errorf("%s is out of bounds; want from %s to %s", value, d.min, d.max)
	}
	if value%time.Millisecond != 0 { // a fraction of one would count as 0
		return fmt.Errorf("%s is no whole number of milliseconds; want one, as in %s", value, max(value.Round(time.Millisecond), time.Millisecond))
	}
	d.value = value
	return nil
}

// count is a whole number within bounds.
type count struct{ value, min, max int }

func (n *count) Type() string   { return "number" }
func (n *count) String() string { return strconv.Itoa(n.value) }

func (n *count) Set(text string) error {
	value, err := strconv.Atoi(text)
	if err != nil || value < n.min || value > n.max {
		return fmt.Errorf("%q is wrong; want a whole number from %d to %d", text, n.min, n.max)
	}
	n.value = value
	return nil
}

// identifier is the operator's id of a node.
type identifier string

var identifierSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (i *identifier) Type() string   { return "id" }
func (i *identifier) String() string { return string(*i) }

func (i *identifier) Set(text string) error {
	if !identifierSyntax.MatchString(text) {
		return fmt.Errorf("%q is no id; want up to 64 letters, digits, dots, dashes and underscores, as in n1", text)
	}
	*i = identifier(text)
	return nil
}

// members is the list of a cluster's founders.
type members []server.Member

func (m *members) Type() string { return "id=host:port,…" }

func (m *members) String() string {
	var text []string
	for _, one := range *m {
		text = append(text, one.ID+"="+one.PeerAddr)
	}
	return strings.Join(text, ",")
}

// Set implements pflag.Value.
func (m *members) Set(text string) error {
	var list members
	ids, addrs := map[string]bool{}, map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return fmt.Errorf("%q is no member; want id=host:port, as in n1=10.0.0.1:16379", part)
		}
		if err := new(identifier).Set(id); err != nil {
			return err
		}
		parsed, err := parseAddress(addr)
		if err != nil {
			return fmt.Errorf("member %s: %w", id, err)
		}
		if parsed.everywhere() {
			return fmt.Errorf("member %s: %q names no host; want one that the other nodes can dial", id, addr)
		}
		if ids[id] {
			return fmt.Errorf("member %s is listed twice; every id stands for one node", id)
		}
		if addrs[parsed.String()] {
			return fmt.Errorf("member %s: address %s is another member's too; every node has its own", id, addr)
		}
		ids[id], addrs[parsed.String()] = true, true
		list = append(list, server.Member{ID: id, PeerAddr: parsed.String()})
	}
	*m = list
	return nil
}

// seeds are peer addresses of members, through which a node finds a cluster.
type seeds []string

func (s *seeds) Type() string   { return "host:port,…" }
func (s *seeds) String() string { return strings.Join(*s, ",") }

func (s *seeds) Set(text string) error {
	var list seeds
	for part := range strings.SplitSeq(text, ",") {
		parsed, err := parseAddress(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if parsed.everywhere() {
			return fmt.Errorf("%q names no host; want the peer address of a member, as in 10.0.0.1:16379", part)
		}
		list = append(list, parsed.String())
	}
	*s = list
	return nil
}
