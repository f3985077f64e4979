//go:build kvorum_later

package command

import "github.com/kvorum/kvorum/fsm/reply"

// laterRows stand for what a later release adds: only programs that are built to
// test upgrades have them (tag kvorum_later).
var laterRows = group("", "",
	write("later key", laterCommand, Fast, keyAt(1, KeyOW|KeyUpdate)).since(2),
	read("getlater key", getCommand, Fast, keyAt(1, KeyRO|KeyAccess)).since(2),
)

func laterCommand(c *Context) reply.Value {
	c.putString(c.Args[1], []byte("later"), 0)
	return reply.OK
}

// since sets the machine version that a row begins with.
func (c *Command) since(machine uint8) *Command {
	c.Version = machine
	return c
}
