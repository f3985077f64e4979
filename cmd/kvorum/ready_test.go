package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A follower that stood still is not ready on waking, however long or short that was,
// until it has what was written meanwhile; and it says why it is not.
func TestAPausedFollowerIsReadyOnlyWhenItHasCaughtUp(t *testing.T) {
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	r.awaitAllReady()
	leader := r.awaitLeader()
	writer, paused := r.client(leader), (leader+1)%3
	value := strings.Repeat("x", 1<<20)
	for _, pause := range []time.Duration{time.Second, 3 * time.Second} { // shorter and longer than a confirmation counts
		r.signal(paused, syscall.SIGSTOP)
		stopped := time.Now()
		for i := range 30 {
			if err := writer.Set(t.Context(), fmt.Sprint("k", i%10), value, 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t.Context(), time.Until(stopped.Add(pause)))
		committed := r.metric(leader, "kvorum_raft_commit_index")
		r.signal(paused, syscall.SIGCONT)
		_, first := askReady(t.Context(), address{"127.0.0.1", r.port + paused + httpPortOffset})
		if first == nil {
			t.Errorf("after a pause of %v it was ready at once", pause)
		} else if !strings.Contains(first.Error(), "stood still") && !strings.Contains(first.Error(), "behind the leader") && !strings.Contains(first.Error(), "no leader") {
			t.Errorf("after a pause of %v it said: %v", pause, first)
		}
		eventually(t, 30*time.Second, func() error {
			_, err := askReady(t.Context(), address{"127.0.0.1", r.port + paused + httpPortOffset})
			return err
		})
		if applied := r.metric(paused, "kvorum_raft_applied_index"); applied < committed {
			t.Errorf("after a pause of %v it was ready at entry %d of %d", pause, applied, committed)
		}
	}
}

// A node whose machine stands still says by how much it lags.
func TestANodeThatLagsSaysByHowMuch(t *testing.T) {
	r := startLocal(t, t.TempDir(), freePorts(t, 3), "KVORUM_DEBUG_COMMANDS=true")
	r.awaitAllReady()
	leader := r.awaitLeader()
	lags := (leader + 1) % 3
	stall, end := context.WithCancel(t.Context())
	defer end()
	stalled := make(chan struct{})
	go func() {
		defer close(stalled)
		_ = r.client(lags).Do(stall, "debug", "sleep", "7").Err() // its machine applies nothing meanwhile
	}()
	matcher, writer := regexp.MustCompile(`503.*\d+ entries behind the leader`), r.client(leader)
	eventually(t, 6*time.Second, func() error {
		if err := writer.Set(t.Context(), "k", "v", 0).Err(); err != nil { // so that there is something to lag behind
			return err
		}
		status, body := r.readyz(lags)
		if said := fmt.Sprint(status, " ", body); !matcher.MatchString(said) {
			return fmt.Errorf("/readyz: %s", said)
		}
		return nil
	})
	r.signal(lags, syscall.SIGKILL) // nothing else ends the command before its time
	<-stalled
}

// readyz returns what a node's health port says.
func (r *localRun) readyz(node int) (status int, body string) {
	r.t.Helper()
	response, err := http.Get("http://" + loopback(r.port+node+httpPortOffset) + "/readyz")
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// metric is one of a node's figures.
func (r *localRun) metric(node int, name string) uint64 {
	r.t.Helper()
	text := readAll(r.t, "http://"+loopback(r.port+node+httpPortOffset)+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		r.t.Fatalf("n%d has no metric %s", node+1, name)
	}
	figure, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return uint64(figure)
}
