package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// document is a text for people, in Markdown.
type document struct {
	path string // relative to the root, with slashes
	text string
}

// readDocuments reads the documents at the root and in docs/.
func readDocuments(root string) ([]document, error) {
	var documents []document
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, fmt.Errorf("find documents: %w", err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("read a document: %w", err)
			}
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return nil, fmt.Errorf("name a document: %w", err)
			}
			documents = append(documents, document{filepath.ToSlash(relative), string(text)})
		}
	}
	return documents, nil
}

var (
	fencedCode = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

	// sourcePath is a path of ours to a file, in code type: `node/session.go`.
	sourcePath = regexp.MustCompile("`((?:cluster|cmd|docs|fsm|internal|node|scripts|transport)/[\\w./-]+\\.(?:go|sh|md))`")
	// place matches the words in which a document says where that something is declared:
	// `session.seal` in [`node/session.go`].
	place = regexp.MustCompile("`(?:(\\w+)\\.)?(\\w+)` in \\[?`([\\w./-]+\\.go)`")
)

// checkDocuments wants everything that a document refers to be there: files, headings, and
// declarations in the files that it names. read returns a file's content by its path.
func checkDocuments(documents []document, read func(path string) (content string, exists bool)) []Finding {
	var findings []Finding
	for _, d := range documents {
		missing := func(what string) {
			findings = append(findings, Finding{d.path, what + " is not there", "name what is there today"})
		}
		prose := fencedCode.ReplaceAllString(d.text, "")
		for _, target := range allOf(link, prose) {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if !d.resolves(target, read) {
				missing("the link's target " + target)
			}
		}
		for _, path := range allOf(sourcePath, prose) {
			if _, exists := read(path); !exists {
				missing("the file " + path)
			}
		}
		for _, m := range place.FindAllStringSubmatch(prose, -1) {
			if source, exists := read(m[3]); exists && !declares(source, m[1], m[2]) {
				missing(fmt.Sprintf("the declaration of %s in %s", strings.TrimPrefix(m[1]+"."+m[2], "."), m[3]))
			}
		}
	}
	return findings
}

// allOf returns the first group of each match.
func allOf(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// resolves reports whether a link of the document leads to a file, and to a heading in it.
func (d document) resolves(target string, read func(string) (string, bool)) bool {
	path, anchor, _ := strings.Cut(target, "#")
	text := d.text
	if path != "" {
		var exists bool
		path = filepath.ToSlash(filepath.Join(filepath.Dir(d.path), path))
		if text, exists = read(path); !exists {
			return false
		}
	}
	return anchor == "" || slices.ContainsFunc(allOf(heading, fencedCode.ReplaceAllString(text, "")), func(title string) bool {
		return slug(title) == anchor
	})
}

// slug is the anchor that GitHub gives a heading.
func slug(title string) string {
	return strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")
}

// declares reports whether a Go source declares a name at its top, or a method of a type.
func declares(source, receiver, name string) bool {
	pattern := `(?m)^(func |type |var |const |\t)` + name + `\b`
	if receiver != "" {
		pattern = `(?m)^func \(\w+ \*?` + receiver + `(\[\w+\])?\) ` + name + `\(`
	}
	return regexp.MustCompile(pattern).MatchString(source)
}

// readBelow returns a function that reads files by their paths below root. A folder exists,
// and has no content.
func readBelow(root string) func(path string) (content string, exists bool) {
	return func(path string) (string, bool) {
		at := filepath.Join(root, filepath.FromSlash(path))
		if info, err := os.Stat(at); err != nil || info.IsDir() {
			return "", err == nil
		}
		content, err := os.ReadFile(at)
		return string(content), err == nil
	}
}
