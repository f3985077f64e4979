package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/kvorum/kvorum/scripts/demo/screen"
)

// report prints what became of the writes, and under which settings. It fails
// only if Kvorum broke its promise: what Redis does not promise it cannot break.
func (m *match) report(acts []act, results [][]result) error {
	s := m.screen
	s.Line("")
	s.Line("%-52s %14s %14s", "", m.sides[0].name, m.sides[1].name)
	for i, a := range acts {
		s.Line("%s", s.Paint(screen.Bold, a.title))
		ours, theirs := results[i][0], results[i][1]
		for _, row := range rows(a, ours, theirs) {
			cell := func(text string) string {
				padded := fmt.Sprintf("%14s", text)
				if row.bad && text != "0" {
					return s.Paint(screen.Red, padded)
				}
				return padded
			}
			s.Line("  %-50s %s %s", row.title, cell(row.ours), cell(row.theirs))
		}
	}
	for _, line := range append(explanation(acts, results), settings(m.minReplicas)...) {
		s.Line("%s", line)
	}
	for _, r := range results {
		if !r[0].Kept() {
			return errBroken
		}
		if r[0].Acknowledged == 0 || r[1].Acknowledged == 0 {
			return errors.New("a side has acknowledged nothing: this run shows nothing")
		}
	}
	return nil
}

// row is one line of the table.
type row struct {
	title        string
	ours, theirs string
	bad          bool // anything but 0 is
}

func rows(a act, ours, theirs result) []row {
	numbers := func(title string, bad bool, of func(result) int64) row {
		return row{title, screen.Thousands(of(ours)), screen.Thousands(of(theirs)), bad}
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	list := []row{numbers("acknowledged writes", false, func(r result) int64 { return r.Acknowledged })}
	gap := "longest time without an acknowledged write"
	if a.cut {
		list = append(list, numbers("  of them on the cut-off machine, during the cut", false, func(r result) int64 { return r.island }))
		gap = "longest time without one on the other machines"
	}
	return append(list,
		numbers("ACKNOWLEDGED AND LOST", true, func(r result) int64 { return r.Lost }),
		numbers("doubled", true, func(r result) int64 { return r.Doubled }),
		numbers("found of all that were sent", false, func(r result) int64 { return r.Found }),
		numbers("unknown outcome (no answer within "+orderWithin.String()+")", false, func(r result) int64 { return r.Unknown }),
		row{gap, seconds(ours.gap), seconds(theirs.gap), false},
	)
}

// explanation says why there is what the table shows.
func explanation(acts []act, results [][]result) []string {
	var lines []string
	var lost int64
	for i, a := range acts {
		theirs := results[i][1].Lost
		lost += theirs
		switch {
		case theirs > 0 && a.cut:
			lines = append(lines,
				"Redis's master went on answering OK on its side of the cut, and the Sentinels on the other side promoted",
				"a replica. Healed, the old master became a replica of the new one and threw away what it had taken.")
		case theirs > 0:
			lines = append(lines, "Redis's master had answered OK and died before the replica that was promoted had the writes.")
		}
		if a.cut && results[i][0].island == 0 {
			lines = append(lines, "Kvorum's leader reached no majority from its side of the cut, so that it told no client OK.")
		}
	}
	if lost == 0 {
		lines = append(lines, "Redis has lost nothing in this run.")
	}
	return append([]string{""}, lines...)
}

// settings says what was compared, and what else a user of Redis can choose.
func settings(minReplicas int) []string {
	replicas := "min-replicas-to-write 0 (the default)"
	if minReplicas > 0 {
		replicas = fmt.Sprintf("min-replicas-to-write %d, min-replicas-max-lag 1", minReplicas)
	}
	return []string{
		"",
		"Settings",
		"  Kvorum  defaults: three nodes, heartbeat timeout " + detectAfter.String() + ", every write on a majority of disks before its answer",
		"  Redis   redis-server with two replicas, appendonly yes, appendfsync always, " + replicas,
		"          three Sentinels, quorum 2, down-after-milliseconds " + fmt.Sprint(detectAfter.Milliseconds()) + "; clients do not use WAIT",
		"  Clients ask the Sentinels (Redis) or use their machine's node (Kvorum), and give up on a request after " + orderWithin.String() + ".",
		"",
		"What a user of Redis can set, and what it changes",
		"  min-replicas-to-write 1 with min-replicas-max-lag 1: a master that is cut off stops answering OK after a",
		"    second or two, so that less is lost, but not nothing. Try it: scripts/demo-compare.sh --min-replicas 1",
		"  WAIT 1 after each write: tells whether a replica has the write, and takes nothing back that has none.",
		"    It makes loss rarer; a Sentinel may still promote another replica.",
		"  appendfsync: changes nothing here. What a cut loses is on the old master's disk, and is thrown away there.",
	}
}
