package tidy

import (
	"fmt"
	"go/ast"
	"strings"
)

// checkSizes checks functions, files, parameter lists, structs and interfaces against the
// limits. Tests may be longer.
func checkSizes(f *file) []Finding {
	if f.test {
		return nil
	}
	findings := checkFileLength(f)
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			findings = append(findings, checkFunction(f, n)...)
		case *ast.GenDecl:
			for _, spec := range n.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					findings = append(findings, checkType(f, n, spec)...)
				}
			}
		}
		return true
	})
	return findings
}

func checkFileLength(f *file) []Finding {
	limit := fileLinesMax
	for _, group := range f.syntax.Comments {
		if group.Pos() < f.syntax.Package && strings.Contains(group.Text(), longMark) {
			limit = longFileLinesMax
		}
	}
	if f.lines <= limit {
		return nil
	}
	return []Finding{{f.path + ":1", fmt.Sprintf("the file has %d lines, %d are allowed", f.lines, limit),
		fmt.Sprintf("split it by subject (a comment %q above its package clause allows %d)", "// "+longMark+" …", longFileLinesMax)}}
}

func checkFunction(f *file, function *ast.FuncDecl) []Finding {
	var findings []Finding
	first, last := f.fset.Position(function.Pos()).Line, f.fset.Position(function.End()).Line
	if lines := last - first + 1; lines > functionLinesMax {
		findings = append(findings, Finding{f.at(function.Pos()),
			fmt.Sprintf("%s has %d lines, %d are allowed", function.Name.Name, lines, functionLinesMax),
			"give its steps names of their own"})
	}
	if count := function.Type.Params.NumFields(); count > parametersMax && !foreign(function) {
		findings = append(findings, Finding{f.at(function.Pos()),
			fmt.Sprintf("%s takes %d parameters, %d are allowed", function.Name.Name, count, parametersMax),
			"group what belongs together in a struct (a method of another module's interface says \"implements …\")"})
	}
	return findings
}

// foreign reports whether an interface of another module dictates a method's parameters, as
// its comment says ("Create implements raft.SnapshotStore").
func foreign(function *ast.FuncDecl) bool {
	return function.Recv != nil && strings.Contains(function.Doc.Text(), " implements ")
}

func checkType(f *file, declaration *ast.GenDecl, spec *ast.TypeSpec) []Finding {
	doc := spec.Doc.Text()
	if len(declaration.Specs) == 1 {
		doc += declaration.Doc.Text()
	}
	switch t := spec.Type.(type) {
	case *ast.StructType:
		if count := t.Fields.NumFields(); count > fieldsMax && !strings.Contains(doc, fieldsMark) {
			return []Finding{{f.at(spec.Pos()), fmt.Sprintf("struct %s has %d fields, %d are allowed", spec.Name.Name, count, fieldsMax),
				fmt.Sprintf("group fields in structs of their own, or say %q in its doc comment", fieldsMark+" …")}}
		}
	case *ast.InterfaceType:
		if count := t.Methods.NumFields(); count > methodsMax {
			return []Finding{{f.at(spec.Pos()), fmt.Sprintf("interface %s has %d methods, %d are allowed", spec.Name.Name, count, methodsMax),
				"declare one for each use, beside the use"}}
		}
	}
	return nil
}
