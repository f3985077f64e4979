package resp

import (
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// plan is the part of a pipeline that runs together. What the connection
// itself can answer is answered when it is taken; reads and writes wait for
// the Executor, which gets them in as few calls as their order allows.
type plan struct {
	jobs    []job
	waiting []int           // jobs for the Executor that have not run, in order
	calls   []*command.Call // the waiting ones, while they run
	slow    int             // how many of the jobs are reads that are not marked fast
	slowMax int             // how many such may wait for each other: few after large replies
	held    int64           // bytes of the replies that wait to be sent, but those of fast reads and writes

	writesWait, slowWait bool // among the waiting are writes, or reads that are not marked fast
}

// full reports whether what was taken must be answered before more is: a few
// bytes may ask for a large reply.
func (p *plan) full() bool { return p.slow > 0 && p.slow >= p.slowMax || p.held >= outputBytesMax }

// job is one command and how it is to be answered.
type job struct {
	call  command.Call
	proto int
	mute  bool
}

// take looks a command up and answers it, or lets it wait for the Executor.
func (c *client) take(args [][]byte) {
	if c.closing {
		return
	}
	c.plan.jobs = append(c.plan.jobs, job{})
	j := &c.plan.jobs[len(c.plan.jobs)-1]
	j.call.DB, j.call.Args = c.session.db, args
	c.admit(j)
	c.finish(j)
	c.plan.held += wireBytes(&j.call.Reply)
	if c.plan.full() {
		c.run()
	}
}

// admit passes a command through the gates.
func (c *client) admit(j *job) {
	row, refusal := command.Lookup(j.call.Args)
	if row == nil {
		j.call.Reply = refusal
		c.server.stats.failed(nil, errorCode(refusal))
		return
	}
	j.call.Command = row
	if row.Debugs() && !c.server.options.DebugCommands {
		j.call.Reply = command.DebugDisabled
		c.server.stats.rejected(row, errorCode(j.call.Reply))
		return
	}
	if row.Flags&command.NoAuth == 0 && c.mustAuthenticate() {
		j.call.Reply = errNoAuth
		c.server.stats.rejected(row, "NOAUTH")
		return
	}
	c.shown.last.Store(row)
	if row.Route() != command.Local {
		c.await(row)
		return
	}
	if answer, ok := connectionCommands[row.Name]; ok {
		j.call.Reply = answer(c, j.call.Args)
		c.server.stats.ran(row, 1, 0)
		c.countError(&j.call)
		return
	}
	c.administer(j)
}

// await has the newest job wait for the Executor. A read whose reply may be large
// never shares an entry with writes, where every node would make that reply at
// the same time, and again at each replay: it runs after those before it, and
// before those after it.
func (c *client) await(row *command.Command) {
	p := &c.plan
	switch {
	case row.Route() == command.Log:
		if p.slowWait {
			c.execute()
		}
		p.writesWait = true
	case row.Flags&command.Fast == 0:
		if p.writesWait {
			c.execute()
		}
		p.slowWait = true
		p.slow++
	}
	p.waiting = append(p.waiting, len(p.jobs)-1)
}

// finish fixes what HELLO and CLIENT REPLY may have changed for this very
// command.
func (c *client) finish(j *job) {
	j.proto = c.session.proto
	j.mute = j.mute || c.session.silent || c.session.skip
	c.session.skip, c.session.skipNext = c.session.skipNext, false
}

// administer runs a command of the node's, after all that came before it.
func (c *client) administer(j *job) {
	c.execute()
	begin := c.begin()
	c.shown.mayHangUp.Store(true)
	if !c.server.options.Admin.Run(c.ctx, &j.call) {
		j.call.Reply = reply.Err("ERR command '" + j.call.Command.Name + "' is not yet supported by Kvorum")
	}
	c.shown.mayHangUp.Store(false)
	c.server.stats.ran(j.call.Command, 1, c.end(begin))
	c.countError(&j.call)
	if j.call.Command.Name == "shutdown" && !j.call.Reply.IsError() {
		j.mute, c.closing = true, true // the connection's end is its answer
	}
}

// run executes what waits and sends all replies.
func (c *client) run() {
	c.execute()
	c.sendReplies()
	c.plan.clear()
}

// execute runs what waits: the reads before the first write are confirmed
// together, everything from the first write to the last goes through the log
// together, and the reads after it are confirmed together.
func (c *client) execute() {
	p := &c.plan
	if len(p.waiting) == 0 {
		return
	}
	first, last := -1, -1
	p.calls = p.calls[:0]
	for i, n := range p.waiting {
		call := &p.jobs[n].call
		p.calls = append(p.calls, call)
		if call.Command.Route() == command.Log {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	p.waiting = p.waiting[:0]
	if first < 0 {
		c.read(p.calls)
		if p.slowWait {
			p.weigh()
		}
		p.writesWait, p.slowWait = false, false
		return
	}
	p.writesWait = false
	c.read(p.calls[:first])
	c.write(p.calls[first : last+1])
	c.read(p.calls[last+1:])
}

// weigh looks at what reads that may be large were answered. As long as that is
// little, more and more of them are confirmed together; else one at a time.
func (p *plan) weigh() {
	before := p.held
	for _, call := range p.calls {
		p.held += wireBytes(&call.Reply)
	}
	if p.held-before >= outputBytesMax {
		p.slowMax = 1
	} else {
		p.slowMax = min(max(2*p.slowMax, 2), planSlowMax)
	}
}

func (c *client) read(calls []*command.Call) {
	if len(calls) == 0 {
		return
	}
	begin := c.begin()
	if c.session.readonly {
		c.server.options.Executor.ReadLocal(c.ctx, calls)
	} else {
		c.server.options.Executor.Read(c.ctx, calls)
	}
	c.settle(calls, &c.server.stats.readLatency, c.end(begin))
}

func (c *client) write(calls []*command.Call) {
	begin := c.begin()
	c.server.options.Executor.Write(c.ctx, calls)
	c.settle(calls, &c.server.stats.writeLatency, c.end(begin))
}

// settle counts calls that ran together in ns nanoseconds: each run of the
// same command at once.
func (c *client) settle(calls []*command.Call, latency *histogram, ns int64) {
	latency.observe(ns)
	each := ns / int64(len(calls))
	for from := 0; from < len(calls); {
		to := from + 1
		for to < len(calls) && calls[to].Command == calls[from].Command {
			to++
		}
		c.server.stats.ran(calls[from].Command, to-from, each*int64(to-from))
		from = to
	}
	for _, call := range calls {
		c.countError(call)
	}
}

func (c *client) countError(call *command.Call) {
	if call.Reply.IsError() {
		c.server.stats.failed(call.Command, errorCode(call.Reply))
	}
}

// begin and end bracket what may take long.
func (c *client) begin() int64 {
	now := c.server.now()
	c.shown.busySince.Store(now)
	return now
}

func (c *client) end(begin int64) int64 {
	c.shown.busySince.Store(0)
	return c.server.now() - begin
}

// clear forgets the commands and replies, and the memory of a large plan.
func (p *plan) clear() {
	clear(p.jobs)
	clear(p.calls)
	p.jobs, p.calls, p.waiting = p.jobs[:0], p.calls[:0], p.waiting[:0]
	p.slow, p.held = 0, 0
	if cap(p.jobs) > planCommandsKeep {
		*p = plan{slowMax: p.slowMax}
	}
}
