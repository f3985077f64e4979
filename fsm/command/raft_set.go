package command

import (
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

// raftSetCommand is the half of CONFIG SET that goes through the log: a node
// splits the parameters that a client gave and sends the replicated ones as
// one RAFT SET. It changes all of them or none.
func raftSetCommand(c *Context) reply.Value {
	pairs := c.Args[2:]
	if len(pairs)%2 != 0 {
		return c.arityError()
	}
	next := c.Settings.Clone()
	for i := 0; i < len(pairs); i += 2 {
		name := strings.ToLower(string(pairs[i]))
		if row := setting.Find(name); row == nil || row.Scope != setting.Replicated {
			return errorf("%s", setting.UnknownReply(string(printed(pairs[i], len(pairs[i])))))
		}
		if err := next.Set(name, string(pairs[i+1])); err != nil {
			return errorf("%s", setting.RefusedReply(name, err))
		}
	}
	*c.Settings = *next
	return reply.OK
}
