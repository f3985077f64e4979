package tidy

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strings"
)

// typed holds what the type checker knows of the packages of this module. It reads their source
// only: packages of others are left empty, so that some expressions have no type; what is ours has
// one.
type typed struct {
	fset  *token.FileSet
	byDir map[string][]*file
	done  map[string]*types.Package
	info  *types.Info
}

// typesOf checks every package, without tests and without planted faults (which
// declare names a second time).
func typesOf(files []*file) *typed {
	t := &typed{byDir: map[string][]*file{}, done: map[string]*types.Package{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	for _, f := range files {
		if t.covers(f) {
			t.byDir[f.dir] = append(t.byDir[f.dir], f)
			t.fset = f.fset
		}
	}
	for dir := range t.byDir {
		t.check(dir)
	}
	return t
}

// covers reports whether a file's expressions have types here.
func (t *typed) covers(f *file) bool { return !f.test && !f.tagged(faultTag) }

// Import gives the checker a package of the module, and an empty one for any other.
func (t *typed) Import(importPath string) (*types.Package, error) {
	if dir, ours := strings.CutPrefix(importPath, Module+"/"); ours && len(t.byDir[dir]) > 0 {
		return t.check(dir), nil
	}
	p := types.NewPackage(importPath, path.Base(importPath))
	p.MarkComplete()
	return p, nil
}

func (t *typed) check(dir string) *types.Package {
	if p := t.done[dir]; p != nil {
		return p
	}
	var syntax []*ast.File
	for _, f := range t.byDir[dir] {
		syntax = append(syntax, f.syntax)
	}
	config := types.Config{Importer: t, Error: func(error) {}, FakeImportC: true}
	// Errors are expected: names of other packages are unknown here. The
	// compiler reports the real ones.
	p, _ := config.Check(Module+"/"+dir, t.fset, syntax, t.info)
	t.done[dir] = p
	return p
}
