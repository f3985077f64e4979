package tracer

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Deed names what is done at the N-th change.
type Deed string

// The deeds.
const (
	Kill    Deed = "kill"   // before the change
	Tear    Deed = "tear"   // a write: after its first half; else as Kill
	EIO     Deed = "EIO"    // the change fails
	NoSpace Deed = "ENOSPC" // likewise; a sync does not
)

// Order says what is to be done.
type Order struct {
	Dir     string // changes of files below it count
	At      int    // the number of the change, from 1 on; 0: only count
	Deed    Deed
	Armed   bool   // count from the start; else from Arm on
	Only    string // a regular expression that changes have to match, to count
	Repeats int    // of the same change in a row no more than so many count; 0: all count
	Report  string // a file that gets a line for each change that counts
}

// Signals to the tracer: Arm begins the count, Stop kills the program. SIGTERM is handed on.
const (
	Arm  = syscall.SIGUSR1
	Stop = syscall.SIGINT
)

// The environment of a tracer, and of what it starts.
const (
	orderVariable = "DAMAGE_TRACER"
	stubVariable  = "DAMAGE_TRACER_STUB"
)

// Command is a tracer that runs a program. It ends with the program.
func Command(o Order, program string, args ...string) (*exec.Cmd, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode the order: %w", err)
	}
	cmd := exec.Command(own, append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
	return cmd, nil
}

// Become returns at once in an ordinary process, and never in a tracer.
func Become() {
	if os.Getenv(stubVariable) != "" {
		os.Unsetenv(stubVariable)
		fmt.Fprintln(os.Stderr, "tracer:", replace(os.Args[1:]))
		os.Exit(126)
	}
	text := os.Getenv(orderVariable)
	if text == "" {
		return
	}
	os.Unsetenv(orderVariable)
	var o Order
	err := json.Unmarshal([]byte(text), &o)
	code := 126
	if err == nil {
		code, err = trace(o, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracer:", err)
	}
	os.Exit(code)
}

// Changes reads a report: a line for each change, as "fsync wal/0001.wal" or "rename a b", and
// whether the deed was done.
func Changes(report string) (changes []string, done bool, err error) {
	text, err := os.ReadFile(report)
	if err != nil {
		return nil, false, fmt.Errorf("read the tracer's report: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if rest, deed := strings.CutPrefix(line, doneMark); deed {
			line, done = rest, true
		}
		changes = append(changes, line)
	}
	return changes, done, nil
}

// doneMark begins the line of the change at which the deed was done.
const doneMark = "* "
