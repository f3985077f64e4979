package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// debugCommand answers the parts of DEBUG that concern the node. The parts about the data (DIGEST)
// are reads of the machine. The connection refuses DEBUG altogether unless it is enabled.
func (a *Admin) debugCommand(ctx context.Context, call *command.Call) reply.Value {
	name := strings.ToLower(string(call.Args[1]))
	switch {
	case name == "help" && len(call.Args) == 2:
		return debugHelp
	case name == "sleep" && len(call.Args) == 3:
		a.Member.Stall(ctx, seconds(string(call.Args[2])))
		return reply.OK
	}
	return reply.Err("ERR unknown subcommand or wrong number of arguments for '" + clip(call.Args[1]) + "'. Try DEBUG HELP.")
}

// seconds parses the argument of DEBUG SLEEP as strtod does: text that is not a number is 0.
func seconds(text string) time.Duration {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return time.Duration(min(f, float64(time.Hour/time.Second)) * float64(time.Second))
}

// clip shortens and cleans a client's argument for an error text (Redis 7.0: 128 bytes, no line
// ends).
func clip(arg []byte) string {
	if len(arg) > 128 {
		arg = arg[:128]
	}
	return oneLine(string(arg))
}
