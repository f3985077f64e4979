package tidy

import (
	"fmt"
	"os"
	"path/filepath"
)

// Check runs every rule over the module at root.
func Check(root string) ([]Finding, error) {
	files, err := parse(root)
	if err != nil {
		return nil, err
	}
	dependencies, err := os.ReadFile(filepath.Join(root, dependenciesFile))
	if err != nil {
		return nil, fmt.Errorf("read the table of dependencies: %w", err)
	}
	documents, err := readDocuments(root)
	if err != nil {
		return nil, err
	}
	findings := append(check(files), checkDependencies(files, string(dependencies))...)
	return append(findings, checkDocuments(documents, readBelow(root))...), nil
}

func check(files []*file) []Finding {
	var findings []Finding
	for _, f := range files {
		for _, rule := range []func(*file) []Finding{
			checkArrows, checkSizes, checkNames, checkDocs, checkMachine,
		} {
			findings = append(findings, rule(f)...)
		}
	}
	findings = append(findings, checkPackageComments(files)...)
	findings = append(findings, checkSleeps(files)...)
	t := typesOf(files)
	for _, f := range files {
		findings = append(findings, checkMapOrder(f, t)...)
		findings = append(findings, checkGlobals(f, t)...)
	}
	return findings
}
