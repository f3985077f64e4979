package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// bannedPackages are package names that say nothing about the content.
var bannedPackages = []string{"base", "common", "helper", "helpers", "lib", "manager", "misc", "shared", "types", "util", "utils"}

// unfinished matches the marks of unfinished work.
var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// checkNames checks package names, init functions and comments.
func checkNames(f *file) []Finding {
	var findings []Finding
	if name := f.syntax.Name.Name; slices.Contains(bannedPackages, strings.TrimSuffix(name, "_test")) || slices.Contains(bannedPackages, path.Base(f.dir)) {
		findings = append(findings, Finding{f.at(f.syntax.Package), "a package named " + name + " says nothing",
			"name it after the thing that it holds"})
	}
	for _, declaration := range f.syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Recv == nil && function.Name.Name == "init" {
			findings = append(findings, Finding{f.at(function.Pos()), "an init function runs before anybody asked",
				"make it a literal table, or call it from main"})
		}
	}
	for _, group := range f.syntax.Comments {
		for _, comment := range group.List {
			if mark := unfinished.FindString(comment.Text); mark != "" {
				findings = append(findings, Finding{f.at(comment.Pos()), "a comment says " + mark,
					"do it, or leave it out"})
			}
		}
	}
	return findings
}

// pollingHelper matches the names of helpers that poll for an event until a deadline. They
// may sleep between two polls.
var pollingHelper = regexp.MustCompile(`^(await|eventually|poll|until|wait)`)

// checkSleeps finds tests that sleep in order to wait. In a synctest bubble, sleeping is
// allowed: it takes no real time, and is how a test lets time pass.
func checkSleeps(files []*file) []Finding {
	bubbles := map[string]bool{} // packages whose tests run in bubbles
	for _, f := range files {
		bubbles[f.dir] = bubbles[f.dir] || f.importName("testing/synctest") != ""
	}
	var findings []Finding
	for _, f := range files {
		if f.test && !bubbles[f.dir] {
			findings = append(findings, sleeps(f)...)
		}
	}
	return findings
}

func sleeps(f *file) []Finding {
	var findings []Finding
	for _, declaration := range f.syntax.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && pollingHelper.MatchString(strings.ToLower(function.Name.Name)) {
			continue
		}
		findings = append(findings, f.uses(declaration, "time", func(name string) string {
			if name == "Sleep" {
				return "wait for the event itself: a channel, synctest, or a polling helper (await…, waitFor…) with a deadline"
			}
			return ""
		})...)
	}
	return findings
}

// checkDocs finds exported names of a file that have no doc comment.
func checkDocs(f *file) []Finding {
	if f.test || f.syntax.Name.Name == "main" {
		return nil
	}
	var findings []Finding
	missing := func(pos token.Pos, name string) {
		findings = append(findings, Finding{f.at(pos), name + " is exported and has no comment", "say in a sentence what it is for"})
	}
	for _, declaration := range f.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !wellKnown[d.Name.Name] {
				missing(d.Pos(), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				for _, name := range undocumented(d, spec) {
					missing(spec.Pos(), name)
				}
			}
		}
	}
	return findings
}

// wellKnown are methods whose contract is that of a standard interface.
var wellKnown = map[string]bool{
	"Error": true, "Unwrap": true, "String": true, "Len": true, "Less": true, "Swap": true,
	"Read": true, "Write": true, "Close": true, "ServeHTTP": true,
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.IsExported()
		default:
			return true
		}
	}
}

// undocumented returns the exported names of a spec, if neither the spec nor its group has
// a comment.
func undocumented(d *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || len(d.Specs) > 1 && d.Lparen == token.NoPos) {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if d.Doc != nil || s.Doc != nil || s.Comment != nil {
			return nil
		}
		var names []string
		for _, name := range s.Names {
			if name.IsExported() {
				names = append(names, name.Name)
			}
		}
		return names
	}
	return nil
}

// checkPackageComments finds packages that do not have exactly one package comment.
func checkPackageComments(files []*file) []Finding {
	documented := map[string]bool{}
	first := map[string]*file{}
	for _, f := range files {
		if f.test {
			continue
		}
		if first[f.dir] == nil {
			first[f.dir] = f
		}
		documented[f.dir] = documented[f.dir] || f.syntax.Doc != nil
	}
	var findings []Finding
	for _, f := range files {
		if first[f.dir] == f && !documented[f.dir] {
			findings = append(findings, Finding{f.at(f.syntax.Package), fmt.Sprintf("package %s has no comment", f.dir),
				"state its contract in a doc.go"})
		}
	}
	return findings
}
