package floor_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/node/store/directory"
	"github.com/kvorum/kvorum/node/store/floor"
)

func open(t *testing.T, dir directory.Directory) *floor.Floor {
	t.Helper()
	f, err := floor.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// found returns the floor that an open finds in a directory.
func found(t *testing.T, dir directory.Directory) uint64 {
	t.Helper()
	f := open(t, dir)
	defer f.Close()
	return f.Index()
}

// survives checks that every power loss leaves the same floor.
func survives(t *testing.T, dir *directory.Memory, index uint64) {
	t.Helper()
	for seed := range uint64(20) {
		if got := found(t, dir.AfterPowerLoss(rand.New(rand.NewPCG(seed, 0)))); got != index {
			t.Fatalf("after a loss of power the floor is %d and should be %d", got, index)
		}
	}
}

func TestAFloorIsExactAfterAKillAndSyncedSoonAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := directory.NewMemory(nil)
		f := open(t, dir)
		if f.Index() != 0 {
			t.Fatalf("a new floor is %d", f.Index())
		}
		for i := uint64(1); i <= 100; i++ {
			f.Raise(i)
			if got := found(t, dir.AfterKill()); got != i {
				t.Fatalf("after a kill the floor is %d and should be %d", got, i)
			}
		}
		f.Raise(50) // it only rises
		time.Sleep(2 * time.Second)
		synctest.Wait()
		survives(t, dir, 100)
		f.Raise(101)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		survives(t, dir, 101)
	})
}

func TestAFloorIsLoweredDurablyOrNotAtAll(t *testing.T) {
	dir := directory.NewMemory(nil)
	f := open(t, dir)
	defer f.Close()
	f.Raise(100)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Lower(70); err != nil {
		t.Fatal(err)
	}
	survives(t, dir, 70)
	if err := f.Lower(80); err != nil || f.Index() != 70 {
		t.Fatalf("lowering it to more made it %d: %v", f.Index(), err)
	}
	dir.Ask(func(s directory.Step) (bool, error) { return false, unix.EIO })
	if err := f.Lower(60); !errors.Is(err, unix.EIO) || f.Index() != 70 {
		t.Errorf("a floor that could not be lowered is %d: %v", f.Index(), err)
	}
	f.Raise(90) // a failure to raise it is none of the log
	dir.Ask(nil)
}

func TestADamagedFloorKnowsOfNothing(t *testing.T) {
	dir := directory.NewMemory(nil)
	f := open(t, dir)
	f.Raise(7)
	f.Close()
	file, err := dir.Open(floor.FileName, false)
	if err != nil {
		t.Fatal(err)
	}
	for at := range int64(20) {
		was := make([]byte, 1)
		if _, err := file.ReadAt(was, at); err != nil && at != 19 {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte{was[0] ^ 1}, at); err != nil {
			t.Fatal(err)
		}
		if got := found(t, dir.AfterKill()); got != 0 {
			t.Errorf("with byte %d damaged it knows of %d", at, got)
		}
		if _, err := file.WriteAt(was, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := found(t, dir.AfterKill()); got != 7 {
		t.Errorf("whole again it is %d", got)
	}
}
