package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// arrow says which of our packages the packages at and below a folder may import.
type arrow struct {
	from string
	to   []string // "x/..." is x and all below it
}

// arrows is the whole table. For each package, the row with the longest matching folder
// applies. The machine imports no other part, the two transports do not import each other,
// and only cmd may import everything.
var arrows = []arrow{
	{"fsm", []string{"fsm/...", "internal/memory"}},
	{"node", []string{"fsm/...", "node/..."}},
	{"node/store", []string{"fsm/member", "node", "node/store/..."}}, // an adapter, which implements what node declares
	{"transport/resp", []string{"fsm/command/...", "internal/memory", "fsm/reply", "fsm/setting"}},
	{"transport/peer", []string{"internal/places"}},
	{"cluster", []string{"transport/peer", "fsm/member", "fsm/reply", "fsm/command/..."}},
	{"cluster/admin", []string{"cluster", "fsm/reply", "fsm/command/...", "fsm/setting", "fsm/member"}},
	{"cmd", []string{"..."}},
	{"internal", nil},
	{"internal/corpus", []string{"fsm/reply", "internal/corpus"}},
	{"scripts", []string{"internal/child", "internal/corpus", "internal/release/...", "fsm/reply", "scripts/..."}}, // outside observers
	{".", nil},
}

// machineLibraries are the external libraries that the machine may use. They are pure: they
// have no clock, no randomness and no goroutines.
var machineLibraries = []string{
	"github.com/cespare/xxhash/v2",
	"github.com/dchest/siphash",
	"github.com/tidwall/btree",
}

func rowOf(dir string) (arrow, bool) {
	var best arrow
	found := false
	for _, row := range arrows {
		fits := dir == row.from || strings.HasPrefix(dir, row.from+"/")
		if fits && (!found || len(row.from) > len(best.from)) {
			best, found = row, true
		}
	}
	return best, found
}

func (a arrow) allows(dir string) bool {
	return slices.ContainsFunc(a.to, func(to string) bool {
		if to == "..." {
			return true
		}
		if tree, ok := strings.CutSuffix(to, "/..."); ok {
			return dir == tree || strings.HasPrefix(dir, tree+"/")
		}
		return dir == to
	})
}

// checkArrows checks imports against the table. Tests may import what they compare with.
func checkArrows(f *file) []Finding {
	if f.test {
		return nil
	}
	row, known := rowOf(f.dir)
	if !known {
		return []Finding{{f.at(f.syntax.Package), "package " + f.dir + " has no row in the import table",
			"add one to arrows in internal/tidy that says what it may import"}}
	}
	var findings []Finding
	for _, spec := range f.syntax.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)
		dir, ours := strings.CutPrefix(importPath, Module+"/")
		switch {
		case ours && dir != f.dir && !row.allows(dir):
			findings = append(findings, Finding{f.at(spec.Pos()), fmt.Sprintf("%s may not import %s", f.dir, dir),
				"declare a small interface here and let cmd hand the value in"})
		case !ours && f.under("fsm") && strings.Contains(importPath, ".") && !slices.Contains(machineLibraries, importPath):
			findings = append(findings, Finding{f.at(spec.Pos()), "the machine may not import " + importPath,
				"keep it outside fsm/, or argue for it in machineLibraries of internal/tidy"})
		}
	}
	return findings
}
