package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

func TestMain(m *testing.M) {
	tracer.Become()
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// builtIn is the directory of the binary that all tests share.
var builtIn string

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kvorum-damage")
	if err != nil {
		return "", err
	}
	builtIn = dir
	return build(context.Background(), dir)
})

// sample is the short form of the whole: go run ./scripts/damage has the long one.
func sample(t *testing.T, port int) (plan, *table) {
	t.Helper()
	kvorum, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return plan{kvorum: kvorum, dir: t.TempDir(), port: port, workers: workersDefault, gapMax: sampleGapMax}, newTable()
}

// check runs one sweep and fails for each promise that is broken.
func check(t *testing.T, p plan, results *table, sweep func(context.Context, string, *table) error) {
	t.Helper()
	var table bytes.Buffer
	for _, store := range p.stores {
		if err := sweep(t.Context(), store, results); err != nil {
			t.Error(err)
		}
	}
	results.print(&table)
	t.Logf("\n%s", &table)
	if n := results.violations(); n > 0 || len(results.rows) == 0 {
		t.Errorf("%d cases broke a promise:\n%s", n, p.log)
	}
}

func TestNoDamageOfADirectoryIsBelieved(t *testing.T) {
	needSweeps(t)
	for i, part := range []struct {
		title, store string
		files        []string
	}{
		{"log", "wal", []string{"tail", "wal-meta.db", "floor"}},
		{"votes and identity", "wal", []string{"raft.db", "votes", "identity.json", "identity.json.spare"}},
		{"snapshot", "wal", []string{"state.bin", "meta.json"}},
		{"log and votes", "bolt", []string{"raft.db"}}, // the others do not depend on the store
	} {
		t.Run(part.title+" of "+part.store, func(t *testing.T) {
			p, results := sample(t, portDefault+1000+i*nodeCount*100)
			p.stores, p.files, p.kinds, p.stride, p.sampled = []string{part.store}, part.files, kinds, 1, true
			p.log = &bytes.Buffer{}
			check(t, p, results, p.sweep)
		})
	}
}

func TestACrashAtAnyChangeIsRecoveredFrom(t *testing.T) {
	needSweeps(t)
	p, results := sample(t, portDefault+2000)
	p.stores, p.deeds, p.step = []string{"wal"}, []tracer.Deed{tracer.Kill}, sampleStep
	p.workers, p.together, p.sequences, p.log = sampleWorkers, []bool{true}, []string{"start"}, &bytes.Buffer{}
	check(t, p, results, p.crashes)
}

func TestACrashInARotationOfTheLogIsRecoveredFrom(t *testing.T) {
	needSweeps(t)
	p, results := sample(t, portDefault+2500)
	p.stores, p.deeds, p.step = []string{"wal"}, []tracer.Deed{tracer.Kill}, rotationStep
	p.workers, p.together, p.sequences, p.log = sampleWorkers, []bool{true}, []string{"rotation"}, &bytes.Buffer{}
	check(t, p, results, p.crashes)
}

func TestALeaderWhoseDiskFailsKeepsNobodyWaiting(t *testing.T) {
	needSweeps(t)
	p, results := sample(t, portDefault+3000)
	p.stores, p.step, p.sequences, p.gapMax, p.log = []string{"wal"}, writesFailedMax, []string{"writes"}, sampleGapMax, &bytes.Buffer{}
	check(t, p, results, p.failings)
}

var sweeps = flag.Bool("sweeps", false, "also run the short form of each sweep: minutes, which scripts/check.sh spends alone")

// needSweeps skips a test that runs whole clusters for minutes: beside other
// packages' tests, and slowed by the race detector, its time limits say nothing.
func needSweeps(t *testing.T) {
	if !*sweeps {
		t.Skip("only with -sweeps")
	}
	if !tracer.Supported {
		t.Skip("only Linux on amd64 can stop a program at its N-th write")
	}
}
