package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/setting"
)

// updateDocuments writes the lists that the documents have of the code anew:
//
//	go test ./cmd/kvorum -run TestTheDocumentsListWhatTheCodeHas -update
var updateDocuments = flag.Bool("update", false, "write the lists in docs/ anew from the code")

// TestTheDocumentsListWhatTheCodeHas holds the lists in docs/ against the tables that
// they are made of: what stands between a line "<!-- list: NAME -->" and "<!-- end -->".
func TestTheDocumentsListWhatTheCodeHas(t *testing.T) {
	for file, lists := range map[string]map[string]string{
		"configuration.md": {"flags": listFlags(), "settings": listSettings()},
		"commands.md":      {"commands": listCommands()},
	} {
		path := filepath.Join("..", "..", "docs", file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was, now := string(text), string(text)
		for name, list := range lists {
			begin := "<!-- list: " + name + " -->\n"
			before, rest, begun := strings.Cut(now, begin)
			_, after, ended := strings.Cut(rest, "<!-- end -->\n")
			if !begun || !ended {
				t.Fatalf("docs/%s has no place for the list %q", file, name)
			}
			now = before + begin + "\n" + list + "\n<!-- end -->\n" + after
		}
		switch {
		case now == was:
		case !*updateDocuments:
			t.Errorf("docs/%s does not list what the code has; go test ./cmd/kvorum -run %s -update writes it", file, t.Name())
		default:
			if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// listFlags lists the flags of each sub-command that has any.
func listFlags() string {
	var b strings.Builder
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		var rows [][]string
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			value, usage := pflag.UnquoteUsage(f)
			environment := inCode(variable(f.Name))
			if f.Annotations[saidEachTime] != nil {
				environment = "none"
			}
			rows = append(rows, []string{inCode(strings.TrimSpace("--" + f.Name + " " + value)), flagDefault(f), environment, usage})
		})
		if len(rows) > 0 {
			fmt.Fprintf(&b, "### %s\n\n%s: `%s`\n\n", c.CommandPath(), c.Short, c.UseLine())
			b.WriteString(tableOf([]string{"flag", "default", "environment", "what it says"}, rows) + "\n")
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				visit(sub)
			}
		}
	}
	visit(rootCommand())
	return strings.TrimSuffix(b.String(), "\n")
}

// flagDefault is a flag's default, as far as it is a value.
func flagDefault(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "[]", "false":
		return "–"
	}
	return inCode(f.DefValue)
}

// listSettings lists what CONFIG knows.
func listSettings() string {
	rows := make([][]string, 0, len(setting.Table))
	for i := range setting.Table {
		s := &setting.Table[i]
		value := inCode(s.Default)
		if s.Default == "" {
			value = "empty"
		}
		rows = append(rows, []string{inCode(s.Name), value, settingScope(s), settingValues(s)})
	}
	return tableOf([]string{"setting", "default", "who changes it", "values, or why it stays"}, rows)
}

// settingScope says who changes a setting, and for whom.
func settingScope(s *setting.Row) string {
	switch {
	case s.Fixed() != nil && s.Scope == setting.Node:
		return "a flag of this node, at its start"
	case s.Fixed() != nil:
		return "nobody"
	case s.Scope == setting.Replicated:
		return "`CONFIG SET`, for all nodes"
	}
	return "`CONFIG SET`, for this node"
}

// settingValues says what a setting may be, or why it cannot be changed.
func settingValues(s *setting.Row) string {
	switch {
	case s.Why != "":
		return s.Why
	case s.Fixed() != nil:
		return "–"
	}
	bounds := strconv.FormatInt(s.Min, 10) + " to " + strconv.FormatInt(s.Max, 10)
	switch s.Kind {
	case setting.Bool:
		return "yes, no"
	case setting.Integer:
		return bounds
	case setting.Memory:
		return bounds + " bytes"
	case setting.Word:
		return strings.Join(s.Words, ", ")
	case setting.Percentiles:
		return "numbers from 0 to 100"
	case setting.BufferLimits:
		return "class, hard bytes, soft bytes, soft seconds"
	}
	return "any text"
}

// listCommands lists the commands of each group, in the order of the groups' names.
func listCommands() string {
	groups := map[string][][]string{}
	names := map[string]bool{}
	for row := range command.Every {
		if names[row.Name] || row.Doc.Summary == "" || len(row.Sub) > 0 {
			continue
		}
		names[row.Name] = true
		name := strings.ToUpper(strings.ReplaceAll(row.Name, "|", " "))
		groups[row.Doc.Group] = append(groups[row.Doc.Group], []string{inCode(name), row.Doc.Summary, row.Doc.Complexity, commandRoute(row)})
	}
	var b strings.Builder
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		rows := groups[group]
		slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
		fmt.Fprintf(&b, "### %s\n\n%s\n", group, tableOf([]string{"command", "what it does", "cost", "who answers"}, rows))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// commandRoute says who answers a command, and from which machine version on.
func commandRoute(row *command.Command) string {
	who := map[command.Answerer]string{command.ByConnection: "the connection", command.ByNode: "the node"}[row.By]
	switch row.Route() {
	case command.Log:
		who = "all nodes, from the log"
	case command.Gate:
		who = "a confirmed read"
	}
	if row.Version > 1 {
		who += fmt.Sprintf(", from machine version %d on", row.Version)
	}
	return who
}

// tableOf is a table in Markdown.
func tableOf(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`))
		}
		b.WriteString(" |\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

func inCode(text string) string { return "`" + text + "`" }
