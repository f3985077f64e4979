package directory_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kvorum/kvorum/node/store/directory"
)

func create(t *testing.T, d directory.Directory, name string) directory.File {
	t.Helper()
	f, err := d.Open(name, true)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, d directory.Directory, name string) string {
	t.Helper()
	f, err := d.Open(name, false)
	if err != nil {
		return "none"
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func put(t *testing.T, f directory.File, text string) {
	t.Helper()
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// lost collects what a file may hold after a power loss.
func lost(t *testing.T, d *directory.Memory, name string) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(200) {
		seen[content(t, d.AfterPowerLoss(rand.New(rand.NewPCG(seed, 1))), name)] = true
	}
	return seen
}

func TestALossOfPowerForgetsWhatWasNotSynced(t *testing.T) {
	d := directory.NewMemory(nil)
	f := create(t, d, "a")
	put(t, f, "old")
	if seen := lost(t, d, "a"); !seen["none"] {
		t.Errorf("a name that was not synced is always there: %v", seen)
	}
	if err := errors.Join(f.Sync(), d.Sync()); err != nil {
		t.Fatal(err)
	}
	put(t, f, "new")
	if seen := lost(t, d, "a"); len(seen) != 2 || !seen["old"] || !seen["new"] {
		t.Errorf("after a write that was not synced there is %v", seen)
	}
	if got := content(t, d.AfterKill(), "a"); got != "new" {
		t.Errorf("after a kill there is %q", got)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if seen := lost(t, d, "a"); len(seen) != 1 || !seen["new"] {
		t.Errorf("after the sync there is %v", seen)
	}
}

func TestWhatASyncThatFailedDidNotWriteIsNotWrittenByTheNext(t *testing.T) {
	d := directory.NewMemory(nil)
	f := create(t, d, "a")
	put(t, f, "old")
	if err := errors.Join(f.Sync(), d.Sync()); err != nil {
		t.Fatal(err)
	}
	put(t, f, "new")
	d.Ask(func(directory.Step) (bool, error) { return false, errors.New("input/output error") })
	if err := f.Sync(); err == nil {
		t.Fatal("the sync did not fail")
	}
	killed := d.AfterKill()
	again, err := killed.Open("a", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, killed, "a"); got != "new" {
		t.Errorf("a reader sees %q", got)
	}
	if seen := lost(t, killed, "a"); len(seen) != 1 || !seen["old"] {
		t.Errorf("on the disk there is %v", seen)
	}
	put(t, again, "new")
	if err := again.Sync(); err != nil {
		t.Fatal(err)
	}
	if seen := lost(t, killed, "a"); len(seen) != 1 || !seen["new"] {
		t.Errorf("written again, there is %v", seen)
	}
}

func TestARenameThatWasNotSyncedMayBeUndone(t *testing.T) {
	d := directory.NewMemory(nil)
	f := create(t, d, "a")
	put(t, f, "text")
	if err := errors.Join(f.Sync(), d.Sync(), d.Rename("a", "b")); err != nil {
		t.Fatal(err)
	}
	if seen := lost(t, d.AfterKill(), "b"); len(seen) != 2 || !seen["none"] || !seen["text"] {
		t.Errorf("under the new name there is %v", seen)
	}
}
