package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever finishes an upgrade beside a dead member is told whom that waits for, within a
// second or so, and need not wait for the end.
func TestFinishingAnUpgradeBesideADeadMemberSaysAtOnceWhoIsWaitedFor(t *testing.T) {
	m := startMixed(t, func(old, new string) [3]string { return [3]string{new, new, old} })
	if leader := m.awaitLeader(); leader == 2 {
		m.lead(0)
	}
	if err := m.nodes[2].cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-m.nodes[2].exit
	asker := (m.awaitLeader() + 1) % 2 // the one that has to ask another
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &transcript{}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"upgrade", "finish", "--addr", m.addr(asker)}, io.Discard, stderr) }()
	eventually(t, 10*time.Second, func() error {
		if said := stderr.String(); !strings.Contains(said, "not done yet") || !strings.Contains(said, "the upgrade waits for n3@") || !strings.Contains(said, "does not answer") {
			return errors.New("it says " + said)
		}
		return nil
	})
	cancel() // as an interruption does
	select {
	case err := <-ended:
		wantFailure(t, err, exitUnknown, "may or may not have done it")
	case <-time.After(5 * time.Second):
		t.Error("it goes on after an interruption")
	}
}
