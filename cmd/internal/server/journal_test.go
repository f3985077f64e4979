package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/cmd/internal/server"
)

// journal gathers what the servers of a cluster log, each line with its server's id.
type journal struct {
	mu    sync.Mutex
	lines []string
}

// keepJournal has a cluster whose servers are still to be started log into a journal.
func (c *testCluster) keepJournal() *journal {
	j, tune := &journal{}, c.tune
	handler := slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})
	c.tune = func(cfg *server.Config) {
		if tune != nil {
			tune(cfg)
		}
		cfg.Logger = slog.New(handler).With(slog.String("server_id", cfg.ID))
	}
	return j
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(bytes.TrimSpace(line)))
	return len(line), nil
}

// now is the place that later lines are behind.
func (j *journal) now() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.lines)
}

// said are the lines of a server behind a place that have these words.
func (j *journal) said(from int, id, words string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines[from:] {
		if strings.Contains(line, "server_id="+id+" ") && strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

// wantToldToLead fails unless a server has come to lead, behind a place, because it was
// told to stand for election. Then Raft leaves pre-votes out, and whoever has waited for
// a time-out asks for them. How long it took is no matter: a busy machine is slow.
func (j *journal) wantToldToLead(t *testing.T, from int, id string) {
	t.Helper()
	if len(j.said(from, id, `msg="election won"`)) == 0 {
		t.Errorf("%s has not been elected", id)
	}
	if late := j.said(from, id, `msg="pre-vote successful`); len(late) > 0 {
		t.Errorf("%s leads after a time-out: %s", id, late[0])
	}
}
