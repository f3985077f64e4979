package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/node/store"
)

func TestALoneSurvivorBecomesAClusterOfItsOwn(t *testing.T) {
	t.Parallel()
	r := startLocal(t, t.TempDir(), freePorts(t, 3))
	for i := range 500 {
		if err := r.client(i%3).Set(t.Context(), fmt.Sprint("key", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := r.client(1).DBSize(t.Context()).Result(); n != 500 || err != nil { // confirmed: n2 has them all
		t.Fatal(n, err)
	}
	old := filepath.Join(r.dir, "n2", "data")
	give := func(data string, more ...string) (string, error) {
		return runWith(t, append([]string{"recover", "--id", "n2", "--from", old, "--data", data, "--peer-advertise", loopback(r.port + peerPortOffset)}, more...)...)
	}
	data := filepath.Join(t.TempDir(), "recovered")
	if _, err := give(data); err == nil || !strings.Contains(err.Error(), "--accept-loss") {
		t.Errorf("without consent: %v", err)
	}
	if _, err := give(data, "--accept-loss"); err == nil || !strings.Contains(err.Error(), "is in use by") {
		t.Errorf("while the node runs: %v", err)
	}
	if err := r.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(old, link); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{old, filepath.Join(old, "new"), link, filepath.Join(link, "deep", "new")} {
		if _, err := give(at, "--accept-loss"); err == nil || !strings.Contains(err.Error(), "is in --from") {
			t.Errorf("into the old directory: %v", err)
		}
	}
	if _, err := give(r.dir, "--accept-loss"); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("into a directory that holds something: %v", err)
	}
	if _, err := give(data, "--accept-loss", "--before", "1"); err == nil || !strings.Contains(err.Error(), "nothing before entry 1") {
		t.Errorf("before the first entry: %v", err)
	}
	out, err := give(data, "--accept-loss")
	if err != nil || !strings.Contains(out, "recovered 500 keys") {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(kvorumBinary(t), "serve", "--id", "n2", "--listen", loopback(r.port), "--data", data)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client := redis.NewClient(&redis.Options{Addr: loopback(r.port)})
	defer client.Close()
	eventually(t, 20*time.Second, func() error { return client.Set(t.Context(), "written", "after", 0).Err() })
	for i := range 500 {
		if got, err := client.Get(t.Context(), fmt.Sprint("key", i)).Int(); got != i || err != nil {
			t.Fatalf("key%d: %d, %v", i, got, err)
		}
	}
}

// What was refused can be asked again, as it should have been asked at first.
func TestARecoveryThatFailsLeavesNothing(t *testing.T) {
	above := t.TempDir()
	old := filepath.Join(above, "data")
	d, err := store.Open(store.Options{Path: old, ID: "n2", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "recovered")
	for _, try := range []struct{ from, want string }{
		{above, "is no node's data directory"},
		{old, "holds no entry"},
		{old, "holds no entry"},
	} {
		_, err := runWith(t, "recover", "--id", "n2", "--from", try.from, "--data", made, "--peer-advertise", "n2:16379", "--accept-loss")
		if err == nil || !strings.Contains(err.Error(), try.want) {
			t.Errorf("from %s: %v", try.from, err)
		}
	}
	for dir, want := range map[string]int{above: 1, made: 0} {
		if found, _ := os.ReadDir(dir); len(found) != want {
			t.Errorf("%s holds %v", dir, found)
		}
	}
}

// A damaged directory may be the last copy: nobody is told to empty it.
func TestARecoveryFromADamagedDirectoryAdvisesToKeepIt(t *testing.T) {
	old := filepath.Join(t.TempDir(), "data")
	d, err := store.Open(store.Options{Path: old, ID: "n2", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	stores, err := d.Stores()
	if err != nil {
		t.Fatal(err)
	}
	if err := stores.Logs.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogNoop}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(old, "raft.db")); err != nil {
		t.Fatal(err)
	}
	_, err = runWith(t, "recover", "--id", "n2", "--from", old, "--data", filepath.Join(t.TempDir(), "recovered"), "--peer-advertise", "127.0.0.1:16379", "--accept-loss")
	if err == nil || !strings.Contains(err.Error(), "raft.db") || !strings.Contains(err.Error(), "keep "+old) || strings.Contains(err.Error(), "an empty directory") {
		t.Error(err)
	}
}
