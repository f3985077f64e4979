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

// The functions that make rows are held against commands that are still to come.
func TestRowsThatAreStillToComeCanBeSaidAsRedisDescribesThem(t *testing.T) {
	real, _ := tableEngines(t)
	for _, row := range command.PlannedRows() {
		info, docs := command.Told(row)
		theirs := describeFlat(mustDo(t, real, "COMMAND", "INFO", row.Name).Elems[0])
		if mine := describeFlat(overWire(t, info)); mine != theirs {
			t.Errorf("COMMAND INFO %s:\nours   %s\ntheirs %s", row.Name, mine, theirs)
		}
		theirs = withoutWords(mustDo(t, real, "COMMAND", "DOCS", row.Name))
		if mine := withoutWords(overWire(t, reply.MapOf(reply.Text(row.Name), docs))); mine != theirs {
			t.Errorf("COMMAND DOCS %s:\nours   %s\ntheirs %s", row.Name, mine, theirs)
		}
	}
}

// overWire returns a reply as a client reads it in RESP3.
func overWire(t *testing.T, v reply.Value) reply.Value {
	t.Helper()
	read, err := corpus.OnWire(v, 3)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestKeysBehindWordsAndCountsAreFoundAsByRedis(t *testing.T) {
	real, _ := tableEngines(t)
	planned := map[string]*command.Command{}
	for _, row := range command.PlannedRows() {
		planned[row.Name] = row
	}
	for _, line := range []string{
		"xreadgroup group g c streams a b 0 0", "xreadgroup group g c STREAMS a 0", "xreadgroup group g c noack streams a b c 0 0 0",
		"xreadgroup group streams c streams a b 0 0", "xreadgroup group g c count 1 a b", "xreadgroup group g c count 1 noack streams",
		"eval x 0", "eval x 0 a b", "eval x 1 a", "eval x 2 a b c", "eval x 2 a", "eval x -1 a", "eval x no a", "eval x",
		"eval x 9223372036854775807 a", "eval x 99999999999999999999 a",
		"zunionstore d 2 a b", "zunionstore d 2 a b weights 1 2", "zunion 1 a withscores", "lmpop 2 a b left", "lmpop 0 a left",
		"blpop a 0", "blpop a b c 0", "sort a", "sort a by b get c", "sort a limit 0 1 store d",
		"georadius a 1 2 3 m", "georadius a 1 2 3 m store b", "georadius a 1 2 3 km withdist STOREDIST b",
		"migrate h 1 k 0 9", "migrate h 1 \"\" 0 9 keys a b c", "migrate h 1 \"\" 0 9 keys keys", "migrate h 1 \"\" 0 9 copy keys a",
		"bitop and d a b", "bitop not d", "sort a store b alpha store c", "sort a store", "spublish c m", "hset a b c", "hset a b",
	} {
		args, err := corpus.ParseCommand("command getkeys " + line)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := real.Do(args)
		if err != nil {
			t.Fatal(err)
		}
		mine := overWire(t, command.KeysReply(planned[string(args[2])], args[2:]))
		if corpus.PrintSorted(mine) != corpus.PrintSorted(theirs) {
			t.Errorf("%s:\nours   %s\ntheirs %s", line, corpus.PrintSorted(mine), corpus.PrintSorted(theirs))
		}
	}
}
