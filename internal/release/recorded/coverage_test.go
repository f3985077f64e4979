package recorded_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/release/recorded"
)

// unrecordedErrors are errors of the command table that no recording holds, and why.
var unrecordedErrors = map[string]string{
	"ERR '":                       "a row of a later machine version: the release has none",
	"ERR String too long for LCS": "it needs a string of 4 GiB",
	"ERR Invalid arguments specified for command": "no row lacks its keys once the number of arguments fits",
	"ERR DEBUG command not allowed. ":             "the connection refuses it, and the recorded node allows DEBUG",
}

// rowsOf are the rows that a machine of a version runs, by name.
func rowsOf(machine uint8) map[string]*command.Command {
	rows := map[string]*command.Command{}
	for _, v := range command.CommandCommand([][]byte{[]byte("command"), []byte("list")}).Elems {
		var args [][]byte
		for word := range strings.SplitSeq(string(v.Bytes), "|") {
			args = append(args, []byte(word))
		}
		for len(args) < argumentsEnough { // whatever the arity is
			if row := rowOf(args); row != nil && row.Route() != command.Local && row.Version <= machine {
				rows[row.Name] = row
			}
			args = append(args, []byte("x"))
		}
	}
	return rows
}

const argumentsEnough = 10

// Every row that a release's machine runs was sent to it. Of each that may stand in
// the log, the recorded log has one that succeeded or is all that the row answers.
func TestEveryRowOfARelease(t *testing.T) {
	for _, machine := range machines() {
		rows := rowsOf(uint8(machine))
		if len(rows) < 50 {
			t.Fatalf("there are %d rows", len(rows))
		}
		dir := unpacked(t, machine, "wal")
		sent, logged := rowsSent(t, dir), rowsLogged(t, entriesOf(t, open(t, filepath.Join(dir, string(recorded.LogOnly)))))
		for name, row := range rows {
			mayBeLogged := row.Route() == command.Log || row.Flags&command.Fast != 0
			switch {
			case sent[name] == 0:
				t.Errorf("machine version %d: %s was never sent: add it to testdata/more.txt and record again", machine, name)
			case mayBeLogged && !logged[name]:
				t.Errorf("machine version %d: %s is in no recorded log: add it to testdata/more.txt and record again", machine, name)
			}
		}
	}
}

// rowsSent counts the commands that had an answer other than an error, or are rows
// that answer nothing else.
func rowsSent(t *testing.T, dir string) map[string]int {
	t.Helper()
	exchanges, err := recorded.Transcript(dir)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range exchanges {
		for i, line := range e.Commands {
			args, err := corpus.ParseCommand(line)
			if err != nil {
				t.Fatal(err)
			}
			row := rowOf(args)
			if row == nil || strings.HasPrefix(e.Replies[i], "-") && row.Name != "object|freq" {
				continue
			}
			counts[row.Name]++
		}
	}
	return counts
}

func rowsLogged(t *testing.T, entries []raft.Log) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, l := range entries {
		if l.Type != raft.LogCommand {
			continue
		}
		e, err := entry.Decode(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Batches {
			for _, c := range e.Batches[i].Commands {
				if row := rowOf(c.Args); row != nil {
					names[row.Name] = true
				}
			}
		}
	}
	return names
}

// Every error text of the command table was answered by the release, or is named
// above with the reason why not.
func TestEveryErrorOfARelease(t *testing.T) {
	texts := errorTexts(t, "../../../fsm/command")
	if len(texts) < 30 {
		t.Fatalf("%d texts of errors were found", len(texts))
	}
	for _, machine := range machines() {
		exchanges, err := recorded.Transcript(unpacked(t, machine, "wal"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			answered := slices.ContainsFunc(exchanges, func(e recorded.Exchange) bool {
				return slices.ContainsFunc(e.Replies, func(r string) bool { return strings.Contains(r, "-"+text) })
			})
			if _, excused := unrecordedErrors[text]; answered == excused {
				t.Errorf("machine version %d: %q: answered %v, excused %v", machine, text, answered, excused)
			}
		}
	}
}

// errorTexts finds the beginnings, up to what is filled in, of all strings in a
// package that look like an error reply.
func errorTexts(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	var texts []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if text, _, _ = strings.Cut(text, "%"); isErrorText(text) && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// isErrorText reports whether a text begins with the code of an error reply.
func isErrorText(text string) bool {
	code, _, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"ERR", "WRONGTYPE", "BUSYKEY", "OOM", "NOPROTO", "NOAUTH", "WRONGPASS"}, code)
}
