package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/node/store"
)

func (r *localRun) data(node int) string {
	return filepath.Join(r.dir, fmt.Sprintf("n%d", node+1), "data")
}

// asides are the directories that damaged content was set aside in.
func (r *localRun) asides(node int) []string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.data(node), "damaged-*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// A node whose directory is damaged comes back by itself as a new server, if that was
// allowed, and votes again: nothing is lost, whichever node it is and whatever cannot
// be read.
func TestADamagedNodeComesBackAsANewServerIfThatIsAllowed(t *testing.T) {
	t.Parallel()
	r := startLocal(t, filepath.Join(t.TempDir(), "cluster"), freePorts(t, 3), patientWrites, "KVORUM_REBUILD_DAMAGED=true", "--restart")
	r.awaitAllReady()
	var n counts
	for node, spoil := range []func(){
		func() { remove(t, filepath.Join(r.data(0), "raft.db")) }, // the founder's term and vote
		func() { // even what cluster it belongs to
			if err := os.WriteFile(filepath.Join(r.data(1), "identity.json"), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		n.through(t, r.addr(node))
		said := r.said()
		spoil() // its process has it in memory, and must not write it again
		r.signal(node, syscall.SIGKILL)
		r.awaitLine(fmt.Sprintf(`^node exited: n%d `, node+1), said)
		eventually(t, 20*time.Second, func() error {
			if len(r.asides(node)) != 1 {
				return errors.New("nothing was set aside")
			}
			return nil
		})
		r.awaitAllReady()
		listed(t, r.addr(node), fmt.Sprintf(`n%d +(voter|leader) `, node+1))
		n.through(t, r.addr(node))
	}
}

// Nodes of which too many are damaged found no empty cluster beside their data: they
// wait, and say for what. Without leave, nothing is set aside.
func TestDamagedNodesFoundNoEmptyCluster(t *testing.T) {
	t.Parallel()
	r := startLocal(t, filepath.Join(t.TempDir(), "cluster"), freePorts(t, 3), patientWrites)
	r.awaitAllReady()
	var n counts
	n.through(t, r.addr(0))
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for node := range 3 {
		remove(t, filepath.Join(r.data(node), "raft.db"))
	}
	var list []string
	for node := range 3 {
		list = append(list, fmt.Sprintf("n%d=%s", node+1, loopback(r.port+node+peerPortOffset)))
	}
	serve := func(node int, more ...string) *served {
		return startServe(t, fmt.Sprintf("n%d", node+1), r.port+node, r.data(node), append(more, "--cluster", strings.Join(list, ","))...)
	}
	serve(0).ends("raft.db", "two commands bring this one back: mv "+r.data(0), "--rebuild-damaged")
	if found := r.asides(0); len(found) > 0 {
		t.Errorf("set aside without leave: %v", found)
	}
	var nodes []*served
	for node := range 3 {
		nodes = append(nodes, serve(node, "--rebuild-damaged"))
	}
	for node, s := range nodes {
		eventually(t, 20*time.Second, func() error {
			if !strings.Contains(s.log.String(), "have set damaged directories aside, too") {
				return fmt.Errorf("n%d does not say what it waits for", node+1)
			}
			return nil
		})
		if _, err := askReady(t.Context(), address{"127.0.0.1", r.port + node + httpPortOffset}); err == nil {
			t.Errorf("n%d is ready", node+1)
		}
	}
	for node := range 3 {
		if text, err := os.ReadFile(filepath.Join(r.data(node), "identity.json")); err != nil || strings.Contains(string(text), `"promise"`) {
			t.Errorf("n%d: %s, %v", node+1, text, err)
		}
	}
}

// A node that is told of nobody but itself has nobody to be caught up by: its damaged data
// stays where it is.
func TestADamagedNodeThatIsToldOfItselfAloneIsNotRebuilt(t *testing.T) {
	port := freePorts(t, 1)
	data := initialised(t, "n1", port, "--log-store=bolt")
	n1 := startServe(t, "n1", port, data)
	n1.awaitReady(port)
	n1.stop()
	remove(t, filepath.Join(data, "raft.db"))
	own := port + peerPortOffset
	for _, join := range []string{loopback(own), fmt.Sprintf("localhost:%d,%s", own, loopback(own))} {
		_, err := runWith(t, "serve", "--id", "n1", "--listen", loopback(port), "--data", data, "--rebuild-damaged", "--join", join)
		for _, words := range []string{"raft.db", "--join names this node itself", "knows no other server", "keep the directory"} {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("--join %s: %v does not say %q", join, err, words)
			}
		}
		if found, _ := filepath.Glob(filepath.Join(data, "damaged-*")); len(found) > 0 {
			t.Errorf("--join %s: set aside: %v", join, found)
		}
		if _, err := runWith(t, "serve", "--id", "n1", "--listen", loopback(port), "--data", filepath.Join(t.TempDir(), "empty"), "--join", join); err == nil ||
			!strings.Contains(err.Error(), "told of no other (--join names this node itself)") {
			t.Errorf("--join %s, and an empty directory: %v", join, err)
		}
	}
}

// Damage that shows only while the node runs is treated as damage at its start, once.
func TestANodeIsRebuiltOnceForDamageAndForNothingElse(t *testing.T) {
	damage := fmt.Errorf("read entry 7: %w", &store.DamageError{File: "wal/1.wal", Offset: 96, Index: 7, What: "its checksum does not fit"})
	for _, c := range []struct {
		name    string
		leave   bool
		errs    []error // of each run
		runs    int
		rebuilt bool
		ends    error
	}{
		{"nothing is wrong", true, []error{nil}, 1, false, nil},
		{"another error", true, []error{syscall.ENOSPC}, 1, false, syscall.ENOSPC},
		{"damage, and then nothing", true, []error{damage, nil}, 2, true, nil},
		{"damage twice", true, []error{damage, damage}, 2, true, damage},
		{"damage without leave", false, []error{damage}, 1, false, damage},
	} {
		f := serveFlags{id: "n1", data: filepath.Join(t.TempDir(), "data")}
		f.rebuildDamaged = c.leave
		logger := slog.New(slog.DiscardHandler)
		dir, err := store.Open(f.storeOptions(logger))
		if err != nil {
			t.Fatal(err)
		}
		before := dir.Identity().Server
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
		runs := 0
		err = f.runRebuilding(t.Context(), func() error {
			runs++
			return c.errs[runs-1]
		}, logger)
		if !errors.Is(err, c.ends) || runs != c.runs {
			t.Errorf("%s: %d runs, %v", c.name, runs, err)
		}
		if dir, err = store.Open(f.storeOptions(logger)); err != nil {
			t.Fatal(err)
		}
		if rebuilt := dir.Identity().Server != before; rebuilt != c.rebuilt {
			t.Errorf("%s: rebuilt %v", c.name, rebuilt)
		}
		dir.Close()
	}
}
