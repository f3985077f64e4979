package node

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// transcript is a log that a test reads.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) has(words ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range words {
		if !strings.Contains(t.text.String(), w) {
			return false
		}
	}
	return true
}

// faultyRead is a read with a bug in it.
func faultyRead() *command.Call {
	c := call("get", "a")
	row := *c.Command
	row.Run = func(*command.Context) reply.Value { panic("a planted bug") }
	c.Command = &row
	return c
}

// A panic of a command is logged with its stack and counted by the process, even after a snapshot
// has replaced the machine.
func TestAPanicIsReportedAndCounted(t *testing.T) {
	var heard transcript
	inBubble(t, 1, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&heard, nil)) }, func(t *testing.T, l *lab) {
		write(l.leader(), "set", "a", "1")
		for _, restored := range []bool{false, true} {
			if restored {
				if err := l.leader().Snapshot(); err != nil {
					t.Fatal(err)
				}
				l.crash("n1@1")
				l.start("n1@1")
			}
			n, c := l.leader(), faultyRead()
			n.Read(t.Context(), []*command.Call{c})
			if !c.Reply.IsError() || n.Panics() != 1 {
				t.Errorf("restored %v: %d panics, the client hears %q", restored, n.Panics(), c.Reply.Bytes)
			}
		}
		if !heard.has("command=get", "a planted bug", "faultyRead") {
			t.Errorf("the log does not tell of it:\n%s", heard.text.String())
		}
	})
}
