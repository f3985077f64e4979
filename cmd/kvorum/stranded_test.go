package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

// Founders that were killed after their promises, and of which the first one has lost its
// directory, say on every node why none is ready, and what to do.
func TestFoundersThatCannotBeginSayWhyTheyAreNotReady(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 3)
	var list []string
	f := member.Formation{Cluster: "c"}
	var dirs []*store.Dir
	var paths []string
	for i := range 3 {
		id := fmt.Sprintf("n%d", i+1)
		paths = append(paths, filepath.Join(t.TempDir(), id))
		dir, err := store.Open(store.Options{Path: paths[i], ID: id, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
		at := loopback(port + i + peerPortOffset)
		list = append(list, id+"="+at)
		f.Servers = append(f.Servers, member.Server{ID: dir.Identity().Server, PeerAddr: at, Voter: true})
	}
	for _, dir := range dirs {
		if err := dir.Promise(f); err != nil {
			t.Fatal(err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
	}
	paths[0] = filepath.Join(t.TempDir(), "empty")
	for i := range 3 {
		startServe(t, fmt.Sprintf("n%d", i+1), port+i, paths[i], "--cluster", strings.Join(list, ","))
	}
	for i := range 3 {
		unreadyFor(t, port+i, "empty the data directories of n2, n3 and start them again: nothing is lost by that")
	}
}
