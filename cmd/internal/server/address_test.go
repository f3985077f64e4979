package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/cmd/internal/server"
)

// warnings is a log, which several goroutines write.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(line)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestAClusterOfOneTakesItsNewAddressOver(t *testing.T) {
	c := newCluster(t, 1)
	log := &warnings{}
	c.tune = func(cfg *server.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	was := c.members[0].PeerAddr
	for range 2 { // the first start, and one that changes nothing
		c.startAll()
		c.servers["n1"].Crash()
	}
	if text := log.String(); strings.Contains(text, "moved") {
		t.Errorf("it moved without need: %s", text)
	}
	c.members[0].PeerAddr = reserve(t)
	c.startAll()
	c.eventually("the new address", func() error {
		if got := c.servers["n1"].Node().Servers()[0].PeerAddr; got != c.members[0].PeerAddr {
			return fmt.Errorf("the configuration has %s", got)
		}
		return nil
	})
	c.eventually("it says so", func() error { // once it knows that the change is committed
		if text, want := log.String(), "from="+was+" to="+c.members[0].PeerAddr; !strings.Contains(text, want) {
			return fmt.Errorf("it says %q, want %q", text, want)
		}
		return nil
	})
}
