package tidy

import (
	"go/ast"
	"go/types"
	"strings"
)

// orderMark begins the comment that allows a loop over a Go map under fsm/:
// on the line of the loop or the one above it, it says why the order is lost.
const orderMark = "any order:"

// checkMapOrder finds loops over Go maps in the machine: their order differs
// at every run. It goes by types, so it sees a map behind any name.
func checkMapOrder(f *file, t *typed) []Finding {
	if !f.under("fsm") || !t.covers(f) {
		return nil
	}
	allowed := map[int]bool{}
	for _, group := range f.syntax.Comments {
		if strings.Contains(group.Text(), orderMark) {
			line := f.fset.Position(group.End()).Line
			allowed[line], allowed[line+1] = true, true
		}
	}
	var findings []Finding
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		loop, ok := n.(*ast.RangeStmt)
		if !ok {
			return true
		}
		over := t.info.Types[loop.X].Type
		if over == nil {
			return true
		}
		if _, isMap := over.Underlying().(*types.Map); isMap && !allowed[f.fset.Position(loop.Pos()).Line] {
			findings = append(findings, Finding{f.at(loop.Pos()), "a loop over a Go map has another order on every node",
				"walk sorted keys, or say \"// " + orderMark + " …\" above it and why the order is lost"})
		}
		return true
	})
	return findings
}
