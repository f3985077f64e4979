package command

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
)

// table finds a row by its name in lower case.
type table map[string]*Command

// rows is every row, in the order in which COMMAND lists them, with what COMMAND tells of it.
var rows = joinRows(stringRows, keyRows, connectionRows, serverRows, clusterRows, raftRows, laterRows)

// commands is the table of all rows but sub-commands; those hang on their containers.
var commands = indexRows(rows)

func joinRows(groups ...[]*Command) []*Command {
	var all []*Command
	for _, g := range groups {
		all = append(all, g...)
	}
	for _, row := range all {
		row.tell()
	}
	return all
}

func indexRows(rows []*Command) table {
	t := make(table, len(rows))
	for _, row := range rows {
		t[row.Name] = row
		for _, sub := range append(row.Sub, row.unlisted...) {
			if row.sub == nil {
				row.sub = make(table)
			}
			row.sub[strings.TrimPrefix(sub.Name, row.Name+"|")] = sub
		}
	}
	return t
}

// Lookup finds the row of a command by its arguments, a sub-command's own row
// if there is one, and checks the arity. Else it returns Redis's error: unknown
// command, unknown sub-command, wrong number of arguments, or "not yet
// supported" for a name that Redis 7.0.15 has and Kvorum has not. It lowers
// args[0] in place.
func Lookup(args [][]byte) (*Command, reply.Value) {
	var buf [nameBytesMax]byte
	name, ok := lowered(buf[:0], args[0])
	row := commands[string(name)]
	if !ok || row == nil {
		return nil, unknownCommand(args, name)
	}
	copy(args[0], name)
	if len(args) > 1 && row.sub != nil {
		sub := row.sub.find(args[1])
		switch {
		case sub != nil && (row.Sub != nil || sub.accepts(len(args))):
			row = sub
		case row.Sub != nil:
			return nil, unknownSubcommand(args, row)
		}
	}
	if !row.accepts(len(args)) {
		return nil, reply.Err("ERR wrong number of arguments for '" + row.Name + "' command")
	}
	return row, reply.Value{}
}

// Every goes through all rows, each container before its sub-commands.
func Every(yield func(*Command) bool) {
	for _, row := range rows {
		if !yield(row) {
			return
		}
		for _, sub := range append(slices.Clone(row.Sub), row.unlisted...) {
			if !yield(sub) {
				return
			}
		}
	}
}

// find looks up a name of any case.
func (t table) find(name []byte) *Command {
	var buf [nameBytesMax]byte
	low, ok := lowered(buf[:0], name)
	if !ok {
		return nil
	}
	return t[string(low)]
}

// findByName finds a row by what COMMAND INFO calls it, "get" or "client|id", in any case.
func findByName(name []byte) *Command {
	container, sub, isSub := bytes.Cut(name, []byte("|"))
	row := commands.find(container)
	if row == nil || !isSub {
		return row
	}
	if row.Sub == nil {
		return nil
	}
	return row.sub.find(sub)
}

// accepts reports whether a command of argc arguments (the name included) fits the arity.
func (c *Command) accepts(argc int) bool {
	if c.Arity >= 0 {
		return argc == c.Arity
	}
	return argc >= -c.Arity
}

// lowered appends the ASCII lower case of name to dst; false if it is longer than any name.
func lowered(dst, name []byte) ([]byte, bool) {
	if len(name) > nameBytesMax {
		return nil, false
	}
	for _, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst, true
}

// unknownCommand is Redis's error, which quotes at most 128 bytes of the arguments.
func unknownCommand(args [][]byte, low []byte) reply.Value {
	if notYet[string(low)] {
		if len(args) > 1 {
			if name := subcommandName(string(low), args[1]); notYet[name] {
				return notYetSupported(name)
			}
		}
		return notYetSupported(string(low))
	}
	var quoted []byte
	for _, arg := range args[1:] {
		if len(quoted) >= quotedBytesMax {
			break
		}
		quoted = append(quoted, '\'')
		quoted = append(quoted, printed(arg, quotedBytesMax-len(quoted)+1)...)
		quoted = append(quoted, "' "...)
	}
	return errorf("ERR unknown command '%s', with args beginning with: %s", printed(args[0], quotedBytesMax), quoted)
}

func unknownSubcommand(args [][]byte, row *Command) reply.Value {
	if name := subcommandName(row.Name, args[1]); notYet[name] {
		return notYetSupported(name)
	}
	return errorf("ERR unknown subcommand '%s'. Try %s HELP.", printed(args[1], quotedBytesMax), strings.ToUpper(row.Name))
}

// subcommandName returns the table's name for a sub-command, in lower case.
func subcommandName(container string, sub []byte) string {
	return container + "|" + strings.ToLower(string(sub))
}

func notYetSupported(name string) reply.Value {
	return reply.Err("ERR command '" + name + "' is not yet supported by Kvorum")
}

// printed returns what C's "%.*s" prints of b: up to max bytes, ending at a zero byte.
func printed(b []byte, max int) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b[:min(len(b), max)]
}

// errorf makes an error reply of text that may quote a client's bytes: line
// breaks at its ends are dropped, others become spaces.
func errorf(format string, args ...any) reply.Value {
	text := []byte(strings.Trim(fmt.Sprintf(format, args...), "\r\n"))
	for i, b := range text {
		if b == '\r' || b == '\n' {
			text[i] = ' '
		}
	}
	return reply.Value{Kind: reply.Error, Bytes: text}
}

// KeysOf returns the positions of the keys in args.
func (c *Command) KeysOf(args [][]byte) []int {
	var positions []int
	for i := range c.Keys {
		positions = c.Keys[i].appendPositions(positions, args)
	}
	return positions
}

// hasKeys reports whether the command may have arguments that are keys, and not only routed as such.
func (c *Command) hasKeys() bool {
	return slices.ContainsFunc(c.Keys, func(k KeySpec) bool { return k.Flags&KeyNotKey == 0 })
}
