package command

import "github.com/kvorum/kvorum/fsm/reply"

func memoryUsageCommand(c *Context) reply.Value {
	for i := 3; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "samples") || i+1 == len(c.Args) {
			return errSyntax
		}
		n, ok := parseInt(c.Args[i+1])
		switch {
		case !ok:
			return errNotInteger
		case n < 0:
			return errSyntax
		}
	}
	o := c.object(c.Args[2])
	if o == nil {
		return reply.Nil()
	}
	return reply.Int(int64(objectBytes + len(o.Key()) + len(o.Str())))
}
