package store_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/kvorum/kvorum/node/store"
)

// BenchmarkElection stores what an election does: a term, then a vote in it.
func BenchmarkElection(b *testing.B) {
	dir, err := store.Open(store.Options{Path: b.TempDir(), ID: "n1", Verify: verifyTest, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	stores, err := dir.Stores()
	if err != nil {
		b.Fatal(err)
	}
	term := uint64(1)
	for b.Loop() {
		term++
		candidate := []byte("n1@0123456789abcdef0123456789abcdef|host1.example:16379")
		if term%2 == 0 {
			candidate[1] = '2'
		}
		err := errors.Join(stores.Stable.SetUint64([]byte("CurrentTerm"), term), stores.Stable.SetUint64([]byte("LastVoteTerm"), term), stores.Stable.Set([]byte("LastVoteCand"), candidate))
		if err != nil {
			b.Fatal(err)
		}
	}
}
