package segments

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"github.com/kvorum/kvorum/node/store/directory"
)

// BenchmarkStoreLogs measures one store of 4 KB, p50 and p99, for one log alone and for
// three at once on one disk; raft-wal as it is beside the log of this package.
func BenchmarkStoreLogs(b *testing.B) {
	for _, logs := range []int{1, 3} {
		b.Run(fmt.Sprintf("raft-wal/%d", logs), func(b *testing.B) {
			benchmarkStore(b, logs, func(path string) raft.LogStore {
				l, err := wal.Open(path, wal.WithLogger(hclog.NewNullLogger()))
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { l.Close() })
				return l
			})
		})
		b.Run(fmt.Sprintf("zeroed/%d", logs), func(b *testing.B) {
			benchmarkStore(b, logs, func(path string) raft.LogStore {
				o := testOptions(path, 0)
				o.New, o.SegmentBytes, o.FirstBytes = true, SegmentBytes(path), 4<<20
				o.Room = directory.Disk(path).FreeBytes
				l, err := Open(o)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { l.Close() })
				return l
			})
		})
	}
}

func benchmarkStore(b *testing.B, logs int, open func(path string) raft.LogStore) {
	data := make([]byte, 4<<10)
	for i := range data {
		data[i] = byte(i*7 + 1)
	}
	var all []time.Duration
	var mu sync.Mutex
	var running sync.WaitGroup
	for range logs {
		l := open(b.TempDir())
		running.Go(func() {
			var took []time.Duration
			for i := range b.N {
				began := time.Now()
				if err := l.StoreLogs([]*raft.Log{{Index: uint64(i + 1), Term: 1, Data: data}}); err != nil {
					b.Error(err)
					return
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	running.Wait()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkVerify measures the checks at an open, for a log of b.N segments.
func BenchmarkVerify(b *testing.B) {
	path := b.TempDir()
	o := testOptions(path, 0)
	o.New, o.SegmentBytes, o.FirstBytes = true, segmentBytes, segmentBytes
	l, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	batch := make([]*raft.Log, 16)
	const segments = 32
	for i := uint64(1); i*4<<10 < segments*segmentBytes; i += 16 {
		for j := range batch {
			batch[j] = &raft.Log{Index: i + uint64(j), Term: 1, Data: make([]byte, 4<<10)}
		}
		if err := l.StoreLogs(batch); err != nil {
			b.Fatal(err)
		}
	}
	l.Close()
	b.SetBytes(segments * segmentBytes)
	for b.Loop() {
		meta := &BoltMeta{}
		state, err := meta.Load(path)
		if err != nil {
			b.Fatal(err)
		}
		v := verifier{path: path, dir: directory.Disk(path)}
		if _, err := v.verify(state); err != nil {
			b.Fatal(err)
		}
		meta.Close()
	}
}
