package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Module is the import path that every package of this repository begins with.
const Module = "github.com/kvorum/kvorum"

// Finding is one violation of a rule: where it is, what it is, and how to fix it.
type Finding struct {
	Position string // path:line
	Problem  string
	Fix      string
}

func (f Finding) String() string { return f.Position + ": " + f.Problem + "; " + f.Fix }

// file is one parsed source file.
type file struct {
	path   string // slash-separated, from the repository's root
	dir    string // "." for the root
	test   bool
	lines  int
	syntax *ast.File
	fset   *token.FileSet
}

// parse reads every Go file below root, except hidden folders and testdata.
func parse(root string) ([]*file, error) {
	var files []*file
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		f, err := parseFile(fset, filepath.ToSlash(relative), content)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func parseFile(fset *token.FileSet, name string, content []byte) (*file, error) {
	syntax, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return &file{
		path:   name,
		dir:    path.Dir(name),
		test:   strings.HasSuffix(name, "_test.go"),
		lines:  bytes.Count(content, []byte("\n")),
		syntax: syntax,
		fset:   fset,
	}, nil
}

// at returns a position of the file as path:line.
func (f *file) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(pos).Line)
}

// under reports whether the file lies in folder or below it.
func (f *file) under(folder string) bool {
	return f.dir == folder || strings.HasPrefix(f.dir, folder+"/")
}

// tagged reports whether the file is built only with the given build tag.
func (f *file) tagged(tag string) bool {
	for _, group := range f.syntax.Comments {
		if group.Pos() > f.syntax.Package {
			return false
		}
		for _, comment := range group.List {
			expression, err := constraint.Parse(comment.Text)
			if err != nil {
				continue
			}
			if !expression.Eval(func(other string) bool { return other != tag }) {
				return true
			}
		}
	}
	return false
}

// importName returns the name under which the file uses an import, or "" if it does not.
func (f *file) importName(importPath string) string {
	for _, spec := range f.syntax.Imports {
		if strings.Trim(spec.Path.Value, `"`) != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		name := path.Base(importPath)
		if name == "v2" {
			name = path.Base(path.Dir(importPath))
		}
		return name
	}
	return ""
}
