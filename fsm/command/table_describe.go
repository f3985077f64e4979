package command

import (
	"strings"

	"github.com/kvorum/kvorum/fsm/command/glob"
	"github.com/kvorum/kvorum/fsm/reply"
)

// CommandCommand answers COMMAND and its sub-commands from the table. args are
// those that Lookup found a "command" row for.
func CommandCommand(args [][]byte) reply.Value {
	sub := ""
	if len(args) > 1 {
		sub = strings.ToLower(string(args[1]))
	}
	switch sub {
	case "count":
		return reply.Int(int64(len(rows)))
	case "info":
		return describeNamed(args[2:])
	case "list":
		return listNames(args[2:])
	case "docs":
		return documentNamed(args[2:])
	case "getkeys":
		return keysReply(args[2:], false)
	case "getkeysandflags":
		return keysReply(args[2:], true)
	case "help":
		return commandHelp
	}
	return allDescribed
}

var commandHelp = help("COMMAND",
	"(no subcommand)", "Describes every command.",
	"COUNT", "How many commands there are.",
	"DOCS [<command-name> ...]", "What the commands named, or all, are for and take.",
	"GETKEYS <full-command>", "The keys of a whole command.",
	"GETKEYSANDFLAGS <full-command>", "The keys of a whole command, and what it does to them.",
	"INFO [<command-name> ...]", "Describes the commands named, or all.",
	"LIST [FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <pattern>)]", "The names of commands.")

// The replies about all commands.
var (
	allDescribed  = describeRows(rows)
	allDocumented = documentRows(rows)
	allNames      = nameRows(rows, func(*Command) bool { return true })
)

// told holds what COMMAND answers of a row. It is built once: a short name in a request stands for
// kilobytes of reply, and a client may send it a million times.
type told struct {
	name, info, docs reply.Value
}

// tell builds what COMMAND answers of the row and of its sub-commands.
func (c *Command) tell() {
	for _, subs := range [][]*Command{c.Sub, c.unlisted} {
		for _, sub := range subs {
			sub.tell()
		}
	}
	c.told = told{name: reply.Text(c.Name), info: c.describe(), docs: c.document()}
}

func describeRows(rows []*Command) reply.Value {
	values := make([]reply.Value, 0, len(rows))
	for _, row := range rows {
		values = append(values, row.told.info)
	}
	return reply.List(values...)
}

// describeNamed answers COMMAND INFO; no names stand for all commands.
func describeNamed(names [][]byte) reply.Value {
	if len(names) == 0 {
		return allDescribed
	}
	values := make([]reply.Value, 0, len(names))
	for _, name := range names {
		if row := findByName(name); row != nil {
			values = append(values, row.told.info)
		} else {
			values = append(values, reply.Nil())
		}
	}
	return reply.List(values...)
}

// describe is a row as COMMAND INFO shows it.
func (c *Command) describe() reply.Value {
	var categories, tips, keys []reply.Value
	for _, name := range c.Categories {
		categories = append(categories, reply.Status("@"+name))
	}
	for _, tip := range c.Tips {
		tips = append(tips, reply.Text(tip))
	}
	for i := range c.Keys {
		keys = append(keys, c.Keys[i].describe())
	}
	subs := reply.SetOf()
	if len(c.Sub) > 0 {
		subs = describeRows(c.Sub)
	}
	first, last, step := c.keyRange()
	return reply.List(
		reply.Text(c.Name), reply.Int(int64(c.Arity)), statusSet(c.Flags.names()),
		reply.Int(int64(first)), reply.Int(int64(last)), reply.Int(int64(step)),
		reply.SetOf(categories...), reply.SetOf(tips...), reply.SetOf(keys...), subs)
}

// describe is a key specification as COMMAND INFO shows it.
func (k *KeySpec) describe() reply.Value {
	var pairs []reply.Value
	if k.Notes != "" {
		pairs = append(pairs, reply.Text("notes"), reply.Text(k.Notes))
	}
	return reply.MapOf(append(pairs,
		reply.Text("flags"), statusSet(k.Flags.names()),
		reply.Text("begin_search"), k.describeBegin(),
		reply.Text("find_keys"), k.describeFind())...)
}

// describeBegin shows where the keys begin.
func (k *KeySpec) describeBegin() reply.Value {
	switch {
	case k.Hidden:
		return describeRule("unknown")
	case k.Keyword != "":
		return describeRule("keyword", reply.Text("keyword"), reply.Text(k.Keyword), reply.Text("startfrom"), reply.Int(int64(k.Begin)))
	}
	return describeRule("index", reply.Text("index"), reply.Int(int64(k.Begin)))
}

// describeFind shows which arguments from there on are keys.
func (k *KeySpec) describeFind() reply.Value {
	switch {
	case k.Hidden:
		return describeRule("unknown")
	case k.Counted:
		return describeRule("keynum", reply.Text("keynumidx"), reply.Int(0), reply.Text("firstkey"), reply.Int(1),
			reply.Text("keystep"), reply.Int(int64(k.Step)))
	}
	return describeRule("range", reply.Text("lastkey"), reply.Int(int64(k.Last)), reply.Text("keystep"), reply.Int(int64(k.Step)),
		reply.Text("limit"), reply.Int(int64(k.Limit)))
}

// describeRule shows a rule by its type and numbers.
func describeRule(typ string, pairs ...reply.Value) reply.Value {
	return reply.MapOf(reply.Text("type"), reply.Text(typ), reply.Text("spec"), reply.MapOf(pairs...))
}

// statusSet is a set of simple strings.
func statusSet(names []string) reply.Value {
	values := make([]reply.Value, 0, len(names))
	for _, name := range names {
		values = append(values, reply.Status(name))
	}
	return reply.SetOf(values...)
}

// listNames answers COMMAND LIST.
func listNames(filter [][]byte) reply.Value {
	var keep func(*Command) bool
	switch {
	case len(filter) == 0:
		return allNames
	case len(filter) != 3 || !is(filter[0], "filterby"):
		return errSyntax
	case is(filter[1], "module"):
		keep = func(*Command) bool { return false }
	case is(filter[1], "aclcat"):
		keep = func(row *Command) bool { return row.inCategory(filter[2]) }
	case is(filter[1], "pattern"):
		keep = func(row *Command) bool { return glob.MatchFold(filter[2], []byte(row.Name)) }
	default:
		return errSyntax
	}
	return nameRows(rows, keep)
}

// nameRows names the rows and sub-commands to keep.
func nameRows(rows []*Command, keep func(*Command) bool) reply.Value {
	var names []reply.Value
	for _, row := range rows {
		if keep(row) {
			names = append(names, row.told.name)
		}
		for _, sub := range row.Sub {
			if keep(sub) {
				names = append(names, sub.told.name)
			}
		}
	}
	return reply.List(names...)
}

func (c *Command) inCategory(name []byte) bool {
	for _, category := range c.Categories {
		if is(name, category) {
			return true
		}
	}
	return false
}

// keysReply answers COMMAND GETKEYS and GETKEYSANDFLAGS for the command that args make.
func keysReply(args [][]byte, flags bool) reply.Value {
	row := commands.find(args[0])
	if row != nil && row.Sub != nil && len(args) > 1 {
		row = row.sub.find(args[1])
	}
	if row == nil {
		return reply.Err("ERR Invalid command specified")
	}
	return row.keysReply(args, flags)
}

// keysReply answers which keys the row finds in args, with what it does to them if flags are asked for.
func (c *Command) keysReply(args [][]byte, flags bool) reply.Value {
	switch {
	case !c.hasKeys():
		return reply.Err("ERR The command has no key arguments")
	case !c.accepts(len(args)):
		return reply.Err("ERR Invalid number of arguments specified for command")
	}
	values := make([]reply.Value, 0, len(args))
	for i := range c.Keys {
		spec := &c.Keys[i]
		shared := statusSet(spec.flagsIn(args).names())
		for _, at := range spec.appendPositions(make([]int, 0, len(args)), args) {
			value := reply.Bytes(args[at])
			if flags {
				value = reply.List(value, shared)
			}
			values = append(values, value)
		}
	}
	if len(values) == 0 && c.Flags&NoMandatoryKeys == 0 {
		return reply.Err("ERR Invalid arguments specified for command")
	}
	return reply.List(values...)
}
