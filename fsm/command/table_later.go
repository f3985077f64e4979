//go:build kvorum_later

package command

import "github.com/kvorum/kvorum/fsm/reply"

// laterRows stand for what a later release adds: only programs that are built to
// test upgrades have them (tag kvorum_later).
var laterRows = []*Command{
	{
		Name: "later", Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Version: 2,
		Keys:       []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "fast"},
		Run: func(c *Context) reply.Value {
			c.putString(c.Args[1], []byte("later"), 0)
			return reply.OK
		},
	},
	{
		Name: "getlater", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Version: 2,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"read", "fast"},
		Run:        getCommand,
	},
}
