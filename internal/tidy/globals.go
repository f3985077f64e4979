package tidy

import (
	"go/ast"
	"go/types"
)

// checkGlobals finds assignments to package-level variables, or to what they hold. Such a
// variable is state that all nodes of a process share, and a simulation runs many nodes in
// one process.
func checkGlobals(f *file, t *typed) []Finding {
	if !t.covers(f) {
		return nil
	}
	var findings []Finding
	assigned := func(e ast.Expr) {
		root := rootOf(e)
		if root == nil {
			return
		}
		v, ok := t.info.Uses[root].(*types.Var)
		if ok && !v.IsField() && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
			findings = append(findings, Finding{f.at(e.Pos()), root.Name + " is a package's variable and is changed",
				"make it a field of what uses it, or build it whole where it is declared"})
		}
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				assigned(e)
			}
		case *ast.IncDecStmt:
			assigned(n.X)
		}
		return true
	})
	return findings
}

// rootOf returns the variable at the root of an assigned expression: a of a[1].b.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch inner := e.(type) {
		case *ast.Ident:
			return inner
		case *ast.IndexExpr:
			e = inner.X
		case *ast.SelectorExpr:
			e = inner.X
		case *ast.StarExpr:
			e = inner.X
		case *ast.ParenExpr:
			e = inner.X
		default:
			return nil
		}
	}
}
