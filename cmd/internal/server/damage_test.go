package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// flip changes one byte of a text in every file of a directory that holds it.
func flip(t *testing.T, dir, text string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		for from := 0; ; found++ {
			i := bytes.Index(content[from:], []byte(text))
			if i < 0 {
				return nil
			}
			from += i + 1
			if _, err := file.WriteAt([]byte{text[1] ^ 4}, int64(from)); err != nil {
				return err
			}
		}
	})
	if err != nil || found == 0 {
		t.Fatalf("%q was found %d times: %v", text, found, err)
	}
}

// A bit flips in the leader's log, with either log store, while a follower is away
// that needs that entry. The leader hands over and ends, naming file, entry and
// remedy; its clients' writes are all there, the others serve on, and once its
// directory has been emptied it is back.
func TestAFlippedBitInTheLeadersLogIsNotSent(t *testing.T) {
	for kind, file := range map[store.LogStore]string{store.WAL: "/wal/0", store.Bolt: "/raft.db"} {
		t.Run(string(kind), func(t *testing.T) {
			c := newCluster(t, 3)
			log := c.keepJournal()
			for _, m := range c.members {
				dir, err := store.Open(store.Options{Path: filepath.Join(c.dir, m.ID), ID: m.ID, LogStore: kind, Verify: fsm.Verify, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				dir.Close()
			}
			c.startAll()
			leader, lagging := c.leader()
			if err := c.servers[lagging].Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			delete(c.servers, lagging)
			writer := c.dial(leader)
			const values = 200 // more than the log's cache holds
			for i := range values {
				if got := writer.do(t, fmt.Sprintf("SET k%d <value%d>", i, i)); got != "+OK" {
					t.Fatal(got)
				}
			}
			flip(t, filepath.Join(c.dir, leader), "<value37>")

			other := ""
			for id := range c.servers {
				if id != leader {
					other = id
				}
			}
			stop, longest := make(chan struct{}), time.Duration(0)
			client := c.dial(other)
			var writing sync.WaitGroup
			writing.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
					begun := time.Now()
					if got := client.do(t, "SET k v"); got != "+OK" {
						t.Errorf("SET through another: %s", got)
					}
					longest = max(longest, time.Since(begun))
				}
			})
			found := log.now()
			c.start(lagging)
			err := c.servers[leader].Wait()
			delete(c.servers, leader)
			if err == nil {
				t.Fatal("it ended without an error")
			}
			for _, words := range []string{c.dir + "/" + leader + file, "entry ", "checksum", "an empty directory"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("it does not say %q: %v", words, err)
				}
			}
			c.awaitReady()
			close(stop)
			writing.Wait()
			t.Logf("the longest write through another took %v; the leader: %v", longest, err)
			log.wantToldToLead(t, found, other)
			for _, id := range []string{other, lagging} {
				reader := c.dial(id)
				for i := range values {
					if got := reader.do(t, fmt.Sprintf("GET k%d", i)); got != fmt.Sprintf("%q", fmt.Sprintf("<value%d>", i)) {
						t.Errorf("%s: k%d is %s", id, i, got)
					}
				}
			}
			if _, err := c.open(leader, leader); err == nil || !strings.Contains(err.Error(), "an empty directory") {
				t.Errorf("the damaged directory was opened again: %v", err)
			}
			if err := os.RemoveAll(filepath.Join(c.dir, leader)); err != nil {
				t.Fatal(err)
			}
			c.start(leader)
			c.awaitReady()
		})
	}
}

// unsyncedDisk is a data directory whose log cannot be written once fail has been called.
type unsyncedDisk struct {
	*store.Dir
	failing *atomic.Bool
}

// Stores implements server.Disk.
func (d unsyncedDisk) Stores() (node.Stores, error) {
	stores, err := d.Dir.Stores()
	stores.Logs = unsyncedLogs{stores.Logs.(monotonicLogs), d.failing}
	return stores, err
}

type monotonicLogs interface {
	raft.LogStore
	raft.MonotonicLogStore
}

type unsyncedLogs struct {
	monotonicLogs
	failing *atomic.Bool
}

func (l unsyncedLogs) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

func (l unsyncedLogs) StoreLogs(logs []*raft.Log) error {
	if l.failing.Load() {
		return syscall.EIO
	}
	return l.monotonicLogs.StoreLogs(logs)
}

// A leader whose sync fails leaves Raft before it does anything else: the clients of
// the others wait for no time-out, and /readyz says why while it ends.
func TestALeaderWhoseSyncFailsIsReplacedAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	log := c.keepJournal()
	failing := map[string]*atomic.Bool{}
	c.wrap = func(id string, dir *store.Dir) server.Disk {
		failing[id] = new(atomic.Bool)
		return unsyncedDisk{dir, failing[id]}
	}
	c.startAll()
	leader, _ := c.leader()
	var longest atomic.Int64
	var acked atomic.Uint64
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for id := range c.servers {
		if id == leader {
			continue
		}
		for range 4 {
			client := c.dial(id)
			writing.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					begun := time.Now()
					if got := client.do(t, "INCR n"); strings.HasPrefix(got, "-") {
						t.Errorf("INCR: %s", got)
						return
					}
					acked.Add(1)
					for took := int64(time.Since(begun)); ; {
						if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
							break
						}
					}
				}
			})
		}
	}
	c.eventually("they write", func() error {
		if acked.Load() < 50 {
			return fmt.Errorf("%d writes", acked.Load())
		}
		return nil
	})
	begun, failed := time.Now(), log.now()
	failing[leader].Store(true)
	err := c.servers[leader].Wait()
	t.Logf("it ended after %v: %v", time.Since(begun), err)
	if err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("it ended with %v", err)
	}
	if ready := c.servers[leader].Ready(); ready == nil || !strings.Contains(ready.Error(), "input/output error") {
		t.Errorf("it says that it is %v", ready)
	}
	delete(c.servers, leader)
	close(stop)
	writing.Wait()
	t.Logf("the longest write through another took %v of %d", time.Duration(longest.Load()), acked.Load())
	next, other := c.leader()
	log.wantToldToLead(t, failed, next)
	if got := c.dial(other).do(t, "GET n"); got != fmt.Sprintf("%q", fmt.Sprint(acked.Load())) {
		t.Errorf("%d were acknowledged: %s", acked.Load(), got)
	}
}
