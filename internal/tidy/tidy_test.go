package tidy

import (
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepository holds the whole module against the rules.
func TestRepository(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	findings, err := Check(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if dir == filepath.Dir(dir) {
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

// TestEachRuleFindsItsOffender proves the rules by faults planted in small
// sources: each must be found, and its mended twin must pass.
func TestEachRuleFindsItsOffender(t *testing.T) {
	long := strings.Repeat("\ta()\n", 70)
	for _, c := range []struct {
		title string
		path  string
		bad   string
		good  string
		want  string
	}{
		{"the machine imports node", "fsm/a.go",
			`import _ "github.com/kvorum/kvorum/node"`,
			`import _ "github.com/kvorum/kvorum/fsm/reply"`, "may not import node"},
		{"the two wires meet", "transport/resp/a.go",
			`import _ "github.com/kvorum/kvorum/transport/peer"`,
			`import _ "github.com/kvorum/kvorum/fsm/reply"`, "may not import transport/peer"},
		{"the machine uses a library with a clock", "fsm/a.go",
			`import _ "github.com/hashicorp/raft"`,
			`import _ "github.com/tidwall/btree"`, "may not import github.com/hashicorp/raft"},
		{"the machine reads the clock", "fsm/command/a.go",
			"import \"time\"\nvar a = time.Now()",
			"import \"time\"\nvar a = time.Second", "time.Now is used"},
		{"the machine reads the clock under another name", "fsm/command/a.go",
			"import clock \"time\"\nvar a = clock.Now",
			"import clock \"time\"\nvar a = clock.Unix", "time.Now is used"},
		{"the machine draws from the process", "fsm/command/a.go",
			"import \"math/rand/v2\"\nvar a = rand.IntN(3)",
			"import \"math/rand/v2\"\nvar a = rand.New(rand.NewPCG(1, 2))", "math/rand/v2.IntN is used"},
		{"the machine opens files", "fsm/command/a.go", `import _ "os"`, `import _ "io"`, "may not import os"},
		{"the machine walks a map by an iterator", "fsm/command/a.go",
			"import \"maps\"\nfunc f(m map[string]int) {\n\tfor range maps.Keys(m) {\n\t}\n}",
			"import (\n\t\"maps\"\n\t\"slices\"\n)\nfunc f(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }", "maps.Keys has another order"},
		{"the machine walks a map", "fsm/command/a.go",
			"type table map[string]int\nfunc f(t table) {\n\tfor range t {\n\t}\n}",
			"type table map[string]int\nfunc f(t table) {\n\t// any order: nothing is done\n\tfor range t {\n\t}\n}", "a loop over a Go map"},
		{"a package's variable is changed", "node/a.go",
			"var seen = map[int]bool{}\nfunc f() { seen[1] = true }",
			"var seen = map[int]bool{1: true}\nfunc f() { seen := map[int]bool{}; seen[1] = true }", "seen is a package's variable"},
		{"a function is too long", "node/a.go",
			"func f() {\n" + long + "}", "func f() {\n" + long[:50] + "}", "f has 72 lines"},
		{"a file is too long", "node/a.go", strings.Repeat("//\n", 500), strings.Repeat("//\n", 400), "the file has"},
		{"too many parameters", "node/a.go", "func f(a, b int, c, d, e string) {}", "func f(a, b int, c, d string) {}", "f takes 5 parameters"},
		{"a wide struct", "node/a.go",
			"// a is b.\ntype a struct {\n" + strings.Repeat("\t_ int\n", 21) + "}",
			"// a is b. Wide because it is.\ntype a struct {\n" + strings.Repeat("\t_ int\n", 21) + "}", "struct a has 21 fields"},
		{"a wide interface", "node/a.go",
			"type a interface { A(); B(); C(); D(); E(); F() }", "type a interface { A(); B(); C(); D(); E() }", "interface a has 6 methods"},
		{"a package that says nothing", "node/util/a.go", "", "", "says nothing"},
		{"an init function", "node/a.go", "func init() {}", "func start() {}", "init function"},
		{"unfinished work", "node/a.go", "// TO" + "DO: later", "// later", "a comment says"},
		{"an undocumented name", "node/a.go", "func Open() {}", "// Open opens.\nfunc Open() {}", "Open is exported"},
		{"a test that sleeps", "node/a_test.go",
			"import \"time\"\nfunc f() { time.Sleep(1) }", "import \"time\"\nfunc waitFor() { time.Sleep(1) }", "time.Sleep is used"},
		{"a package outside the table", "other/a.go", "", "", "has no row"},
	} {
		t.Run(c.title, func(t *testing.T) {
			if got := findingsIn(t, c.path, c.bad); !strings.Contains(got, c.want) {
				t.Errorf("not found; the findings are %q", got)
			}
			if c.good == "" {
				return
			}
			if got := findingsIn(t, c.path, c.good); got != "" {
				t.Errorf("the mended source has findings: %s", got)
			}
		})
	}
}

// TestPlantedFaultsMayReadTheClock keeps the one exemption as narrow as it is.
func TestPlantedFaultsMayReadTheClock(t *testing.T) {
	source := "//go:build kvorum_faults\n\n// Package a is one.\npackage a\n\nimport \"time\"\n\nvar a = time.Now()\n"
	if got := join(check([]*file{mustParse(t, "fsm/a.go", source)})); got != "" {
		t.Error(got)
	}
	other := strings.Replace(source, "kvorum_faults", "!kvorum_faults", 1)
	if got := join(check([]*file{mustParse(t, "fsm/a.go", other)})); !strings.Contains(got, "time.Now") {
		t.Errorf("a file without the tag is exempt: %q", got)
	}
}

// TestEachDependencyIsExplained plants one that the table does not name.
func TestEachDependencyIsExplained(t *testing.T) {
	files := []*file{mustParse(t, "node/a.go", "package node\n\nimport _ \"github.com/some/library/v2/part\"\n")}
	if got := join(checkDependencies(files, "`some/other`")); !strings.Contains(got, "some/library") {
		t.Errorf("not found: %q", got)
	}
	for _, table := range []string{"| `some/library` |", "| `some/library/v2` |"} {
		if got := join(checkDependencies(files, table)); got != "" {
			t.Error(got)
		}
	}
}

func findingsIn(t *testing.T, path, body string) string {
	t.Helper()
	return join(check([]*file{mustParse(t, path, "// Package a is one.\npackage a\n\n"+body+"\n")}))
}

func mustParse(t *testing.T, path, source string) *file {
	t.Helper()
	f, err := parseFile(token.NewFileSet(), path, []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func join(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}
