package resp

import (
	"bytes"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// plan is the part of a pipeline that runs together. Commands that the connection itself can answer
// are answered at once. Reads and writes wait for the Executor, which gets them in as few calls as
// their order allows.
type plan struct {
	jobs    []job
	sent    int             // jobs[:sent] are in the outbox
	waiting []int           // indices of jobs that wait for the Executor, in order
	calls   []*command.Call // the calls of the waiting jobs, while they run
	slow    int             // number of jobs that are reads without the flag "fast"
	slowMax int             // how many such reads may wait for each other; few after large replies
	held    int64           // bytes charged for replies that are not in the outbox yet

	writesWait, slowWait bool // whether writes, or reads without the flag "fast", are among the waiting jobs
}

// full reports whether the jobs must be answered before more commands are taken, since a few bytes
// may ask for a large reply.
func (p *plan) full() bool { return p.slow > 0 && p.slow >= p.slowMax || p.held >= outputBytesMax }

// job is one command with what is needed to answer it.
type job struct {
	call  command.Call
	proto int
	mute  bool
	bytes []byte // the reply in wire format, if it is already rendered
	own   bool   // the client is a monitor, and is shown its own command after the reply
	size  int64  // bytes charged to the client for the reply
	typed []byte // the name as the client wrote it, if monitors are to see the command
}

// take adds a command to the plan. It answers the command at once or lets it wait for the Executor.
func (c *client) take(args [][]byte) {
	if c.over() {
		return
	}
	c.plan.jobs = append(c.plan.jobs, job{})
	j := &c.plan.jobs[len(c.plan.jobs)-1]
	j.call.DB, j.call.Args = c.session.db, args
	if len(c.server.monitors.list()) > 0 {
		j.typed = bytes.Clone(args[0])
	}
	if !c.admit(j) {
		j.typed = nil
	}
	c.finish(j)
	j.own = c.seesItself(j)
	if c.plan.answered() {
		j.call.DB = c.session.db
		c.chargeJob(len(c.plan.jobs) - 1)
	}
	if c.plan.full() {
		c.flush()
	}
}

// answered reports whether the newest job is not waiting for the Executor.
func (p *plan) answered() bool {
	return len(p.waiting) == 0 || p.waiting[len(p.waiting)-1] != len(p.jobs)-1
}

// admit passes a command through the gates. It reports whether the command runs, either now or when
// the Executor gets it.
func (c *client) admit(j *job) (runs bool) {
	row, refusal := command.Lookup(j.call.Args)
	if row == nil {
		if speaksHTTP(j.call.Args[0]) {
			c.turnAway()
			j.mute = true
			return false
		}
		j.call.Reply = refusal
		c.server.stats.failed(nil, errorCode(refusal))
		return false
	}
	j.call.Command = row
	if refusal := c.refuses(row); refusal.IsError() {
		j.call.Reply = refusal
		c.server.stats.rejected(row, errorCode(refusal))
		return false
	}
	c.shown.last.Store(row)
	switch row.By {
	case command.ByMachine:
		c.await(row)
	case command.ByConnection:
		j.call.Reply = connectionCommands[row.Name](c, j.call.Args)
		c.server.stats.ran(row, 1, 0)
		c.countError(&j.call)
	case command.ByNode:
		c.administer(j)
	}
	return true
}

// refuses returns the error reply if the connection does not take a command now.
func (c *client) refuses(row *command.Command) (refusal reply.Value) {
	now := &states[c.state()]
	switch {
	case row.Debugs() && !c.server.options.DebugCommands:
		return command.DebugDisabled
	case row.Flags&command.NoAuth == 0 && c.mustAuthenticate():
		return errNoAuth
	case now.localOnly && row.By == command.ByMachine:
		return now.refusal
	}
	return reply.Value{}
}

// await lets the newest job wait for the Executor. A read whose reply may be large never shares a
// log entry with writes: every node would build that reply at the same time, and again at each
// replay. So such a read runs after the writes before it and before the writes after it.
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

// finish fixes how the job is answered: the protocol, which HELLO may just have changed, and
// whether it is answered at all, which CLIENT REPLY may just have changed.
func (c *client) finish(j *job) {
	j.proto = c.session.proto
	j.mute = j.mute || c.session.silent || c.session.skip
	c.session.skip, c.session.skipNext = c.session.skipNext, false
	if silent := c.session.silent || c.session.skip; silent != c.shown.silent.Load() {
		c.shown.silent.Store(silent)
	}
}

// administer runs a node command. It may take long, so everything before it is answered and sent
// first.
func (c *client) administer(j *job) {
	c.execute()
	c.sendBefore(len(c.plan.jobs) - 1)
	begin := c.begin()
	ctx, done := c.runsFor(j.call.Command)
	if !c.server.options.Admin.Run(ctx, &j.call) {
		j.call.Reply = reply.Err("ERR command '" + j.call.Command.Name + "' is not yet supported by Kvorum")
	}
	done()
	c.server.stats.ran(j.call.Command, 1, c.end(begin))
	c.countError(&j.call)
	if j.call.Command.Name == "shutdown" && !j.call.Reply.IsError() {
		j.mute, c.closing = true, true // the end of the connection is its answer
	}
}

// flush runs the waiting jobs and sends all replies.
func (c *client) flush() {
	c.execute()
	c.sendBefore(len(c.plan.jobs))
	c.plan.clear()
}

// execute runs the waiting jobs in three parts: the reads before the first write are confirmed
// together, everything from the first write to the last goes through the log together, and the
// reads after the last write are confirmed together.
func (c *client) execute() {
	p := &c.plan
	if len(p.waiting) == 0 {
		return
	}
	first, last := len(p.waiting), len(p.waiting)
	for i, n := range p.waiting {
		if p.jobs[n].call.Command.Route() == command.Log {
			first, last = min(first, i), i+1
		}
	}
	c.runWaiting(0, first, c.read)
	if first == len(p.waiting) {
		p.weigh()
	}
	c.runWaiting(first, last, c.write)
	c.runWaiting(last, len(p.waiting), c.read)
	p.waiting = p.waiting[:0]
	p.writesWait, p.slowWait = false, false
}

// runWaiting runs waiting[from:to] together, after it has sent the replies to the jobs before them.
func (c *client) runWaiting(from, to int, run func([]*command.Call)) {
	p := &c.plan
	if from == to {
		return
	}
	c.sendBefore(p.waiting[from])
	p.calls = p.calls[:0]
	for _, n := range p.waiting[from:to] {
		p.calls = append(p.calls, &p.jobs[n].call)
	}
	run(p.calls)
	for _, n := range p.waiting[from:to] {
		c.chargeJob(n)
	}
}

// chargeJob charges the client for the reply to the nth job, before the reply is rendered. It
// disconnects a client that may not have the reply. A reply of many small values is rendered here,
// since it may wait for long.
func (c *client) chargeJob(n int) {
	j := &c.plan.jobs[n]
	if j.mute || c.outbox.broken.Load() {
		j.call.Reply = reply.Value{} // free its memory, since nobody will read it
		return
	}
	size, values := estimate(&j.call.Reply)
	renders := j.ownsReply() && small(size, values)
	if renders {
		size, _ = measure(&j.call.Reply, j.proto, nil)
	}
	j.size = size
	c.plan.held += j.size
	if !c.charge(j.size, 0) {
		c.outbox.abandon("output limit reached")
		j.call.Reply = reply.Value{}
		return
	}
	if renders {
		j.bytes = render(&j.call.Reply, j.proto, size)
		j.call.Reply = reply.Value{}
	}
}

// ownsReply reports whether nothing else shares the elements of the job's reply, so that rendering
// it early saves memory. The machine makes a new reply for each call. Replies of the connection or
// the node may share elements with other replies, even many times within one: the reply to COMMAND
// is a table that all clients share, and a short request may ask for gigabytes of it.
func (j *job) ownsReply() bool {
	return j.call.Command != nil && j.call.Command.By == command.ByMachine
}

// sendBefore sends the replies to all jobs before the nth. Each of them has its reply.
func (c *client) sendBefore(n int) {
	p := &c.plan
	if p.sent >= n {
		return
	}
	o := &c.outbox
	o.begin()
	for ; p.sent < n; p.sent++ {
		o.between()
		if j := &p.jobs[p.sent]; !j.mute {
			o.owed += j.size
			p.held -= j.size
			if j.bytes != nil {
				o.addRendered(j.bytes)
			} else {
				o.add(&j.call.Reply, j.proto)
			}
		}
		c.show(&p.jobs[p.sent])
	}
	o.end()
}

// weigh adapts slowMax to the size of the replies to slow reads. While they are small, more and
// more slow reads are confirmed together; after large ones, one at a time.
func (p *plan) weigh() {
	if !p.slowWait {
		return
	}
	if p.held >= outputBytesMax {
		p.slowMax = 1
	} else {
		p.slowMax = min(max(2*p.slowMax, 2), planSlowMax)
	}
}

// read runs reads, on this node's own machine if the client is READONLY.
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

// settle counts calls that together took ns nanoseconds. It counts consecutive calls of the same
// command in one step.
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

// begin and end enclose work that may take long, for the sweep and the statistics.
func (c *client) begin() int64 {
	now := c.server.now()
	c.shown.busySince.Store(now)
	return now
}

func (c *client) end(begin int64) int64 {
	now := c.server.now()
	c.shown.activeAt.Store(now) // before busySince: the client is not idle, since its reply is still to be sent
	c.shown.busySince.Store(0)
	return now - begin
}

// clear drops the commands and replies, and also the memory of a large plan.
func (p *plan) clear() {
	clear(p.jobs)
	clear(p.calls)
	p.jobs, p.calls, p.waiting = p.jobs[:0], p.calls[:0], p.waiting[:0]
	p.slow, p.sent = 0, 0
	if cap(p.jobs) > planCommandsKeep {
		*p = plan{slowMax: p.slowMax}
	}
}
