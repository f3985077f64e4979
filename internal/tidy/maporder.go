package tidy

import (
	"go/ast"
	"go/types"
	"strings"
)

// orderMark begins the comment that allows a loop over a Go map under fsm/. The comment is
// on the line of the loop or the line above, and says why the order does not matter.
const orderMark = "any order:"

// checkMapOrder finds loops over Go maps in the machine, whose order differs at every run.
// It uses type information, so it finds a map under any type name.
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

// checkMapIterators finds iterators over Go maps whose result is not sorted at once.
func checkMapIterators(f *file) []Finding {
	maps, slices := f.importName("maps"), f.importName("slices")
	if maps == "" {
		return nil
	}
	sorted := map[ast.Node]bool{}
	var findings []Finding
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if pkg, name := selected(call.Fun); pkg == slices && strings.HasPrefix(name, "Sorted") && len(call.Args) > 0 {
			sorted[call.Args[0]] = true
		}
		if pkg, name := selected(call.Fun); pkg == maps && (name == "Keys" || name == "Values" || name == "All") && !sorted[call] {
			findings = append(findings, Finding{f.at(call.Pos()), "maps." + name + " has another order on every node", "put slices.Sorted around it"})
		}
		return true
	})
	return findings
}

// selected splits a qualified identifier into the package's name and the identifier.
func selected(e ast.Expr) (pkg, name string) {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name, s.Sel.Name
		}
	}
	return "", ""
}
