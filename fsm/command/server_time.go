package command

import (
	"strconv"

	"github.com/kvorum/kvorum/fsm/reply"
)

// timeCommand answers the cluster's clock: seconds, and microseconds within them.
func timeCommand(c *Context) reply.Value {
	return reply.List(
		reply.Bytes(strconv.AppendInt(nil, c.NowMS/1000, 10)),
		reply.Bytes(strconv.AppendInt(nil, c.NowMS%1000*1000, 10)))
}
