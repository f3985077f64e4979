package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// table counts the outcomes by store, file, kind and scene.
type table struct {
	mu    sync.Mutex
	rows  map[string]*row
	shown map[string]int // violations printed, by row and first word
	show  []string       // outcomes whose cases are printed
}

type row struct {
	cases    int
	outcomes map[outcome]int
	words    map[string]int // violations by their first word
}

func newTable(show ...string) *table {
	return &table{rows: map[string]*row{}, shown: map[string]int{}, show: show}
}

// add counts a case; the first violations of each sort are printed at once.
func (t *table) add(to io.Writer, title, reproduce string, result *trial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[title]
	if r == nil {
		r = &row{outcomes: map[outcome]int{}, words: map[string]int{}}
		t.rows[title] = r
	}
	r.cases++
	r.outcomes[result.outcome]++
	if slices.Contains(t.show, string(result.outcome)) {
		fmt.Fprintf(to, "-only %s: %s\n", reproduce, result.outcome)
	}
	for _, text := range result.violation {
		word, _, _ := strings.Cut(text, ":")
		r.words[word]++
		if t.shown[title+word]++; t.shown[title+word] <= shownMax {
			fmt.Fprintf(to, "-only %s: %s\n", reproduce, text)
		}
	}
}

// cases returns the number of cases that have been played.
func (t *table) cases() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, r := range t.rows {
		sum += r.cases
	}
	return sum
}

// violations returns the number of cases that broke a promise.
func (t *table) violations() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, r := range t.rows {
		sum += r.outcomes[violated]
	}
	return sum
}

// print shows all rows.
func (t *table) print(to io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "DAMAGE\tCASES\tREFUSED\tNOTICED\tHARMLESS\tVIOLATED\t")
	for _, title := range slices.Sorted(maps.Keys(t.rows)) {
		r := t.rows[title]
		var words []string
		for _, word := range slices.Sorted(maps.Keys(r.words)) {
			words = append(words, fmt.Sprintf("%s %d", word, r.words[word]))
		}
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", title, r.cases, r.outcomes[refusedOutcome], r.outcomes[noticedOutcome],
			r.outcomes[harmlessOutcome], r.outcomes[violated], strings.Join(words, ", "))
	}
	out.Flush()
}
