package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
)

// read makes the row of a command that the machine answers from a confirmed state. From the usage (see the type usage) follow the
// name, the arity and the documented arguments; from the key specifications follow the key positions of COMMAND and the flag
// "movablekeys"; from the flags and the group follow the ACL categories.
func read(usage string, run func(*Context) reply.Value, flags Flags, keys ...KeySpec) *Command {
	return gated(usage, run, ReadOnly|flags, keys...)
}

// write makes the row of a command that goes through the log.
func write(usage string, run func(*Context) reply.Value, flags Flags, keys ...KeySpec) *Command {
	return gated(usage, run, Write|flags, keys...)
}

// gated makes the row of a command that the machine answers and that Redis calls neither a read nor a write.
func gated(usage string, run func(*Context) reply.Value, flags Flags, keys ...KeySpec) *Command {
	c := newRow(usage, flags, keys)
	c.Run = run
	if flags&NoScript != 0 {
		c.Script = Refused
	}
	return c
}

// answered says who answers a row that is not the machine's, and what it answers inside.
type answered struct {
	by           Answerer
	script, exec Inside
	waits        bool
}

// Who answers. In a script each is refused but for those that the machine can answer from the entry.
var (
	byConnection        = answered{by: ByConnection, script: Refused, exec: InPlace}
	byConnectionOrEntry = answered{by: ByConnection, script: FromEntry, exec: InPlace}
	byConnectionAtOnce  = answered{by: ByConnection, script: Refused, exec: AtOnce}
	byConnectionAlone   = answered{by: ByConnection, script: Refused, exec: Refused} // in no transaction
	byNode              = answered{by: ByNode, script: Refused, exec: InPlace}
	byNodeOrEntry       = answered{by: ByNode, script: FromEntry, exec: InPlace}
	byNodeAlone         = answered{by: ByNode, script: Refused, exec: Refused} // in no transaction
	byNodeWaiting       = answered{by: ByNode, script: Refused, exec: NoTimeLeft, waits: true}
)

// local makes the row of a command that the connection or the node answers.
func local(usage string, who answered, flags Flags, keys ...KeySpec) *Command {
	c := newRow(usage, flags, keys)
	c.By, c.Script, c.Exec, c.Waits = who.by, who.script, who.exec, who.waits
	return c
}

// container makes the row of a command that only its sub-commands answer.
func container(name, since, summary string, subs ...*Command) *Command {
	return newRow(name, 0, nil).arity(-2).doc(since, "That of the sub-command", summary).with(subs...)
}

// newRow makes what every row has. A usage that cannot be read is a mistake in the table, which no program starts with.
func newRow(usage string, flags Flags, keys []KeySpec) *Command {
	name, args, err := parseUsage(usage)
	if err != nil {
		panic(fmt.Sprintf("command table: %v", err))
	}
	numberKeys(args, 0, len(keys))
	if slices.ContainsFunc(keys, func(k KeySpec) bool { return !k.fixed() }) {
		flags |= MovableKeys
	}
	words, exact := size(args)
	words += 1 + strings.Count(name, "|")
	if !exact {
		words = -words
	}
	return &Command{Name: name, Arity: words, Flags: flags, Keys: keys, Doc: Doc{Args: args}}
}

// doc documents a row: since which version of Redis it is there, what it costs, and what it is for.
func (c *Command) doc(since, complexity, summary string) *Command {
	c.Doc.Since, c.Doc.Complexity, c.Doc.Summary = since, complexity, summary
	return c
}

// deprecated documents since which version of Redis a row should not be used, and what replaces it.
func (c *Command) deprecated(since, replacedBy string) *Command {
	c.Doc.Flags, c.Doc.DeprecatedSince, c.Doc.ReplacedBy = []string{"deprecated"}, since, replacedBy
	return c
}

// docFlags sets the flags of a row's documentation.
func (c *Command) docFlags(flags ...string) *Command {
	c.Doc.Flags = flags
	return c
}

// arity sets the arity of a row whose arguments Redis does not document in full.
func (c *Command) arity(n int) *Command {
	c.Arity = n
	return c
}

// tips sets what a client that spreads commands over shards should know, as Redis lists it.
func (c *Command) tips(tips ...string) *Command {
	c.Tips = tips
	return c
}

// in sets the ACL categories that a row is in beside those of its flags, in place of its group's.
func (c *Command) in(categories ...string) *Command {
	c.own = categories
	return c
}

// listed sets all ACL categories of a row, in the order in which clients are shown them.
func (c *Command) listed(categories ...string) *Command {
	c.Categories = categories
	return c
}

// with hangs sub-commands on a row.
func (c *Command) with(subs ...*Command) *Command {
	c.Sub = subs
	return c
}

// hiding hangs sub-commands on a row that Redis's table does not know as such.
func (c *Command) hiding(subs ...*Command) *Command {
	c.unlisted = subs
	return c
}

// group finishes the rows of one of Redis's groups. They are in its category ("": it has none) unless they say another.
func group(name, category string, rows ...*Command) []*Command {
	for _, c := range rows {
		c.join(name, category)
	}
	return rows
}

// join puts a row and its sub-commands into a group.
func (c *Command) join(group, category string) {
	c.Doc.Group = group
	if c.Categories == nil {
		c.Categories = c.categories(category)
	}
	for _, subs := range [][]*Command{c.Sub, c.unlisted} {
		for _, sub := range subs {
			sub.join(group, category)
		}
	}
}

// categoryNames are the ACL categories in Redis's order.
var categoryNames = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
	"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

// categories returns the ACL categories of a row: its own, or its group's, and those that follow from the flags. A container
// that nobody answers is not in its group's.
func (c *Command) categories(group string) []string {
	own := c.own
	if own == nil && group != "" && (c.Run != nil || c.By != ByMachine) {
		own = []string{group}
	}
	names := make([]string, 0, 4)
	for _, name := range categoryNames {
		if slices.Contains(own, name) || c.Flags.imply(name) && !(name == "read" && slices.Contains(own, "scripting")) {
			names = append(names, name)
		}
	}
	return names
}

// imply reports whether a row with these flags is in an ACL category (7.0: server.c, setImplicitACLCategories).
func (f Flags) imply(category string) bool {
	switch category {
	case "read":
		return f&ReadOnly != 0
	case "write":
		return f&Write != 0
	case "admin", "dangerous":
		return f&Admin != 0
	case "pubsub":
		return f&PubSub != 0
	case "blocking":
		return f&Blocking != 0
	case "fast":
		return f&Fast != 0
	case "slow":
		return f&Fast == 0
	}
	return false
}

// help is a container's answer to HELP: its sub-commands in pairs of usage and meaning.
func help(container string, pairs ...string) reply.Value {
	lines := []reply.Value{reply.Status(container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for i, line := range append(pairs, "HELP", "Prints this help.") {
		if i%2 == 1 {
			line = "    " + line
		}
		lines = append(lines, reply.Status(line))
	}
	return reply.List(lines...)
}
