package command

import (
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

func TestLookupFindsRowsAndRefusesOthersAsRedisDoes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"SeT k v", "set"},
		{"object ENCODING k", "object|encoding"},
		{"get", "ERR wrong number of arguments for 'get' command"},
		{"object", "ERR wrong number of arguments for 'object' command"},
		{"OBJECT nope x", "ERR unknown subcommand 'nope'. Try OBJECT HELP."},
		{"Nope a b", "ERR unknown command 'Nope', with args beginning with: 'a' 'b' "},
		{"XADD s", "ERR command 'xadd' is not yet supported by Kvorum"},
		{"CLIENT Tracking on", "ERR command 'client|tracking' is not yet supported by Kvorum"},
		{"DEBUG digest", "debug|digest"},
		{"DEBUG digest x", "debug"},
		{"DEBUG sleep 1", "debug"},
		{"command", "command"},
	} {
		var args [][]byte
		for _, f := range strings.Fields(c.in) {
			args = append(args, []byte(f))
		}
		row, refused := Lookup(args)
		got := string(refused.Bytes)
		if row != nil {
			got = row.Name
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSetAndGetOnABareKeyspace(t *testing.T) {
	k := keyspace.New([16]byte{})
	run := func(words ...string) reply.Value {
		var args [][]byte
		for _, w := range words {
			args = append(args, []byte(w))
		}
		row, refused := Lookup(args)
		if row == nil {
			return refused
		}
		return row.Run(&Context{Keys: k, Args: args, Command: row})
	}
	run("SET", "k", "5")
	if got := run("INCR", "k").Int(); got != 6 {
		t.Fatalf("INCR answers %d", got)
	}
	if got := run("GET", "k"); string(got.Bytes) != "6" {
		t.Fatalf("GET answers %q", got.Bytes)
	}
}

// Each row is checked against what the code around the table relies on.
func TestEveryRowIsValid(t *testing.T) {
	seen := map[string]bool{}
	var check func(row *Command, prefix string)
	check = func(row *Command, prefix string) {
		bad := func(why string) { t.Errorf("%s: %s", row.Name, why) }
		low, ok := lowered(nil, []byte(row.Name))
		if !ok || string(low) != row.Name || !strings.HasPrefix(row.Name, prefix) || seen[row.Name] {
			bad("its name is too long, not in lower case, not its container's, or taken")
		}
		seen[row.Name] = true
		if row.Arity == 0 || row.Flags&Write != 0 && row.Flags&ReadOnly != 0 || len(row.Categories) == 0 {
			bad("no arity, no category, or both a write and a read")
		}
		if notYet[row.Name] {
			bad("it is there and not yet there")
		}
		if row.Flags&Write != 0 && row.Run == nil {
			bad("a write without a function would be answered by the connection")
		}
		for _, k := range row.Keys {
			if k.Hidden != (k.Begin == 0) || k.Hidden != (k.Step < 1) || (k.vary != nil) != (k.Flags&KeyVariable != 0) {
				bad("a key specification that finds nothing, never ends, or varies by flag or function only")
			}
		}
		checkDocumentedKeys(row, row.Doc.Args, bad)
		if d := row.Doc; row.Doc.Since != "" && (d.Summary == "" || d.Group == "" || d.Complexity == "") {
			bad("not documented")
		}
		for _, sub := range row.Sub {
			check(sub, row.Name+"|")
		}
		for _, sub := range row.unlisted {
			check(sub, row.Name+"|")
		}
	}
	for _, row := range rows {
		check(row, "")
	}
}

// checkDocumentedKeys checks that each documented key is of a specification that the row has.
func checkDocumentedKeys(row *Command, args []Arg, bad func(string)) {
	for i := range args {
		if args[i].Type == ArgKey && (args[i].KeySpec < 0 || args[i].KeySpec >= len(row.Keys)) {
			bad("a documented key without a specification")
		}
		checkDocumentedKeys(row, args[i].Args, bad)
	}
}
