package command_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
)

// ours are the rows that Redis 7.0.15 has not.
var ours = []string{"raft", "raft|add", "raft|demote", "raft|digest", "raft|help", "raft|promote", "raft|remove", "raft|snapshot", "raft|transfer", "raft|upgrade", "raft|set", "raft|status", "client|setinfo"}

// tableEngines are a real server and the table, both in RESP3.
func tableEngines(t *testing.T) (real, machine corpus.Engine) {
	c := dialRedis(t, startRedis(t))
	mustDo(t, c, "HELLO", "3")
	m := newBareMachine()
	m.proto = 3
	return c, m
}

func listed(t *testing.T, e corpus.Engine) []string {
	var names []string
	for _, v := range mustDo(t, e, "COMMAND", "LIST").Elems {
		names = append(names, string(v.Bytes))
	}
	slices.Sort(names)
	return names
}

func TestEveryNameOfRedisIsARowOrRefusedByName(t *testing.T) {
	real, machine := tableEngines(t)
	rows := listed(t, machine)
	for _, name := range listed(t, real) {
		_, found := slices.BinarySearch(rows, name)
		_, v := command.Lookup(words(strings.Split(name, "|")...))
		refused := string(v.Bytes) == "ERR command '"+name+"' is not yet supported by Kvorum"
		if found == refused {
			t.Errorf("%s: a row: %v, refused: %v (%s)", name, found, refused, corpus.Print(v))
		}
	}
	for _, name := range rows {
		if _, found := slices.BinarySearch(listed(t, real), name); !found && !slices.Contains(ours, name) {
			t.Errorf("%s is a row and Redis has no such name", name)
		}
	}
}

func TestEveryRowIsAsRedisDescribesIt(t *testing.T) {
	real, machine := tableEngines(t)
	for _, name := range listed(t, machine) {
		if slices.Contains(ours, name) || strings.Contains(name, "|") && !isListed(t, real, name) {
			continue
		}
		theirs := describeFlat(mustDo(t, real, "COMMAND", "INFO", name).Elems[0])
		mine := describeFlat(mustDo(t, machine, "COMMAND", "INFO", name).Elems[0])
		if mine != theirs {
			t.Errorf("COMMAND INFO %s:\nours   %s\ntheirs %s", name, mine, theirs)
		}
	}
}

func isListed(t *testing.T, e corpus.Engine, name string) bool {
	return mustDo(t, e, "COMMAND", "INFO", name).Elems[0].Kind != reply.Null
}

// describeFlat prints a row without its sub-commands, which are compared one by one.
func describeFlat(row reply.Value) string {
	kind := row.Elems[9].Kind
	if kind != reply.Array && kind != reply.Set {
		return "the last element is neither a set nor an array"
	}
	return corpus.PrintSorted(reply.List(row.Elems[:9]...))
}

func TestEveryRowIsDocumentedAsInRedisButForItsWords(t *testing.T) {
	real, machine := tableEngines(t)
	for _, name := range listed(t, machine) {
		if slices.Contains(ours, name) {
			continue
		}
		theirs := withoutWords(mustDo(t, real, "COMMAND", "DOCS", name))
		mine := withoutWords(mustDo(t, machine, "COMMAND", "DOCS", name))
		if mine != theirs {
			t.Errorf("COMMAND DOCS %s:\nours   %s\ntheirs %s", name, mine, theirs)
		}
	}
}

// withoutWords prints a row's documentation without what is prose, and without
// its sub-commands, which are compared one by one.
func withoutWords(docs reply.Value) string {
	if len(docs.Elems) != 2 {
		return "no documentation"
	}
	kept := reply.Value{Kind: reply.Map}
	fields := docs.Elems[1].Elems
	for i := 0; i+1 < len(fields); i += 2 {
		switch string(fields[i].Bytes) {
		case "summary", "complexity", "history", "subcommands":
			continue
		}
		kept.Elems = append(kept.Elems, fields[i], fields[i+1])
	}
	return corpus.PrintSorted(kept)
}

func TestTheTableAnswersQuestionsAboutCommandsAsRedisDoes(t *testing.T) {
	real, machine := tableEngines(t)
	for _, line := range []string{
		"COMMAND GETKEYS get a", "COMMAND GETKEYS get a b", "COMMAND GETKEYS get", "COMMAND GETKEYS mset a b c d",
		"COMMAND GETKEYS mset a b c", "COMMAND GETKEYS nosuch a", "COMMAND GETKEYS ping x",
		"COMMAND GETKEYS object encoding x", "COMMAND GETKEYS object nosuch x", "COMMAND GETKEYS memory usage k samples 5",
		"COMMAND GETKEYS del a b c", "COMMAND GETKEYS lcs a b len", "COMMAND GETKEYS restore a 0 x replace",
		"COMMAND GETKEYS", "COMMAND GETKEYS set", "COMMAND GETKEYSANDFLAGS set a b", "COMMAND GETKEYSANDFLAGS SET a b nx",
		"COMMAND GETKEYSANDFLAGS set a b get", "COMMAND GETKEYSANDFLAGS set a b ex GET", "COMMAND GETKEYSANDFLAGS copy a b db 1",
		"COMMAND GETKEYSANDFLAGS rename a b", "COMMAND GETKEYSANDFLAGS touch a b", "COMMAND LIST FILTERBY PATTERN client|i*",
		"COMMAND LIST FILTERBY PATTERN GETR*", "COMMAND LIST FILTERBY PATTERN", "COMMAND LIST FILTERBY FOO x",
		"COMMAND LIST FOO", "COMMAND LIST FILTERBY MODULE x", "COMMAND LIST FILTERBY ACLCAT string",
		"COMMAND LIST FILTERBY ACLCAT String", "COMMAND LIST FILTERBY ACLCAT @string", "COMMAND LIST FILTERBY ACLCAT nosuch",
		"COMMAND INFO nosuch", "COMMAND INFO client|nosuch client|id GET", "COMMAND DOCS nosuch client|nosuch",
		"COMMAND COUNT x", "COMMAND HELP x", "COMMAND nosuch", "COMMAND \"a\\nb\\x00c\"", "NOSUCH", "nosuch a b c",
		"nosuch \"\\r\\n\" \"a\\x00b\" c", "\"\"", "\"no\\nsuch\\x00it\" x", "get", "GET a b", "object", "OBJECT foo", "Object Encoding",
		"config", "memory nosuch", "cluster nosuch",
		"nosuch " + strings.Repeat("a", 100) + " " + strings.Repeat("b", 100) + " c",
		strings.Repeat("x", 200) + " y", "object " + strings.Repeat("y", 200), "a|b", "client|id", "config|get x",
	} {
		args, err := corpus.ParseCommand(line)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := real.Do(args)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := machine.Do(args)
		if err != nil {
			t.Fatal(err)
		}
		if corpus.PrintSorted(mine) != corpus.PrintSorted(theirs) {
			t.Errorf("%s:\nours   %s\ntheirs %s", line, corpus.PrintSorted(mine), corpus.PrintSorted(theirs))
		}
	}
}
