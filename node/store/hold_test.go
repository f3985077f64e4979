package store_test

import (
	"testing"

	"github.com/kvorum/kvorum/node/store"
)

func TestAHoldOfUpgradesOutlivesTheProcess(t *testing.T) {
	path := t.TempDir()
	for _, hold := range []bool{false, true, true, false, false} {
		dir, err := store.Open(options(path, "n1", store.WAL))
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.HoldUpgrade(hold); err != nil {
			t.Fatal(err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := store.Open(options(path, "n1", store.WAL))
		if err != nil {
			t.Fatal(err)
		}
		if again.UpgradeHeld() != hold {
			t.Errorf("told %t, it is %t after a restart", hold, !hold)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
