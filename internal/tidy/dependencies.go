package tidy

import (
	"slices"
	"strings"
)

// dependenciesFile holds the table of modules that are not ours.
const dependenciesFile = "docs/dependencies.md"

// checkDependencies finds modules that our source imports and that the table of
// dependencies does not name. The table says why each module is used.
func checkDependencies(files []*file, table string) []Finding {
	var findings []Finding
	seen := map[string]bool{}
	for _, f := range files {
		for _, spec := range f.syntax.Imports {
			importPath := strings.Trim(spec.Path.Value, `"`)
			host, _, _ := strings.Cut(importPath, "/")
			if !strings.Contains(host, ".") || importPath == Module || strings.HasPrefix(importPath, Module+"/") || seen[importPath] {
				continue
			}
			seen[importPath] = true
			if !slices.ContainsFunc(modulesOf(importPath), func(name string) bool { return strings.Contains(table, "`"+name+"`") }) {
				findings = append(findings, Finding{f.at(spec.Pos()), importPath + " is not in " + dependenciesFile,
					"say there why it is used"})
			}
		}
	}
	return findings
}

// modulesOf returns the names under which the table may list the module of an import: any
// prefix of the import path with at least two elements, without the host for GitHub.
func modulesOf(importPath string) []string {
	parts := strings.Split(strings.TrimPrefix(importPath, "github.com/"), "/")
	var names []string
	for size := 2; size <= len(parts); size++ {
		names = append(names, strings.Join(parts[:size], "/"))
	}
	return names
}
