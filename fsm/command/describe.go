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
		return help("COMMAND",
			"(no subcommand)", "Describes every command.",
			"COUNT", "How many commands there are.",
			"DOCS [<command-name> ...]", "What the commands named, or all, are for and take.",
			"GETKEYS <full-command>", "The keys of a whole command.",
			"GETKEYSANDFLAGS <full-command>", "The keys of a whole command, and what it does to them.",
			"INFO [<command-name> ...]", "Describes the commands named, or all.",
			"LIST [FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <pattern>)]", "The names of commands.")
	}
	return describeNamed(nil)
}

// describeNamed answers COMMAND INFO; no names stand for all commands.
func describeNamed(names [][]byte) reply.Value {
	var values []reply.Value
	if len(names) == 0 {
		for _, row := range rows {
			values = append(values, row.describe())
		}
	}
	for _, name := range names {
		if row := findByName(name); row != nil {
			values = append(values, row.describe())
		} else {
			values = append(values, reply.Nil())
		}
	}
	return reply.List(values...)
}

// describe is a row as COMMAND INFO shows it.
func (c *Command) describe() reply.Value {
	var categories, tips, keys, subs []reply.Value
	for _, name := range c.Categories {
		categories = append(categories, reply.Status("@"+name))
	}
	for _, tip := range c.Tips {
		tips = append(tips, reply.Text(tip))
	}
	for i := range c.Keys {
		keys = append(keys, c.Keys[i].describe())
	}
	for _, sub := range c.Sub {
		subs = append(subs, sub.describe())
	}
	subList := reply.SetOf()
	if len(subs) > 0 {
		subList = reply.List(subs...)
	}
	return reply.List(
		reply.Text(c.Name), reply.Int(int64(c.Arity)), statusSet(c.Flags.names()),
		reply.Int(int64(c.FirstKey)), reply.Int(int64(c.LastKey)), reply.Int(int64(c.KeyStep)),
		reply.SetOf(categories...), reply.SetOf(tips...), reply.SetOf(keys...), subList)
}

func (k *KeySpec) describe() reply.Value {
	var pairs []reply.Value
	if k.Notes != "" {
		pairs = append(pairs, reply.Text("notes"), reply.Text(k.Notes))
	}
	pairs = append(pairs,
		reply.Text("flags"), statusSet(k.Flags.names()),
		reply.Text("begin_search"), reply.MapOf(
			reply.Text("type"), reply.Text("index"),
			reply.Text("spec"), reply.MapOf(reply.Text("index"), reply.Int(int64(k.Begin)))),
		reply.Text("find_keys"), reply.MapOf(
			reply.Text("type"), reply.Text("range"),
			reply.Text("spec"), reply.MapOf(
				reply.Text("lastkey"), reply.Int(int64(k.Last)),
				reply.Text("keystep"), reply.Int(int64(k.Step)),
				reply.Text("limit"), reply.Int(int64(k.Limit)))))
	return reply.MapOf(pairs...)
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
	keep := func(*Command) bool { return true }
	switch {
	case len(filter) == 0:
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
	var names []reply.Value
	for _, row := range rows {
		for _, r := range append([]*Command{row}, row.Sub...) {
			if keep(r) {
				names = append(names, reply.Text(r.Name))
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
	switch {
	case row == nil:
		return reply.Err("ERR Invalid command specified")
	case len(row.Keys) == 0:
		return reply.Err("ERR The command has no key arguments")
	case !row.accepts(len(args)):
		return reply.Err("ERR Invalid number of arguments specified for command")
	}
	var values []reply.Value
	for i := range row.Keys {
		spec := &row.Keys[i]
		for _, at := range spec.appendPositions(nil, len(args)) {
			value := reply.Bytes(args[at])
			if flags {
				value = reply.List(value, statusSet(spec.flagsIn(args).names()))
			}
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return reply.Err("ERR Invalid arguments specified for command")
	}
	return reply.List(values...)
}
