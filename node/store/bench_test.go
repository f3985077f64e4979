package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/store"
)

// BenchmarkStoreLogs measures one store of 4 KB by three servers on one disk, as Raft calls it.
func BenchmarkStoreLogs(b *testing.B) {
	data := make([]byte, 4<<10)
	var all []time.Duration
	var mu sync.Mutex
	var running sync.WaitGroup
	for range 3 {
		dir, err := store.Open(options(b.TempDir(), "n1", store.WAL))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { dir.Close() })
		stores, err := dir.Stores()
		if err != nil {
			b.Fatal(err)
		}
		running.Go(func() {
			for i := range b.N {
				began := time.Now()
				if err := stores.Logs.StoreLogs([]*raft.Log{{Index: uint64(i + 1), Term: 1, Data: data}}); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
			}
		})
	}
	running.Wait()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}
