package resp

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listed returns a field of a client in CLIENT LIST.
func listed(c *client, name string) int64 {
	for _, field := range strings.Fields(c.line(1)) {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return -1
}

// skip reads n bytes.
func (w *wire) skip(n int) {
	w.t.Helper()
	if _, err := io.CopyN(io.Discard, w, int64(n)); err != nil {
		w.t.Fatal(err)
	}
}

// What waits for a client is told whether a limit is set or not, and sinks as it is taken.
func TestWhatWaitsForAClientIsTold(t *testing.T) {
	for name, limit := range map[string]OutputLimit{"no limit": {}, "a limit": {Hard: 1 << 30}} {
		t.Run(name, func(t *testing.T) {
			const size = 32 << 20
			h := startServer(t, func(o *Options) { o.Settings.Output = limit })
			c := h.dial(t)
			c.exchange(multibulk("SET", "k", strings.Repeat("v", size)), "+OK\r\n")
			c.send("GET k\r\n")
			shown := h.everyone()[0]
			waitFor(t, "most of it waits", func() bool { return listed(shown, "omem") > size/2 })
			if omem := listed(shown, "omem"); omem > size+100 {
				t.Errorf("omem=%d while some of %d bytes wait", omem, size)
			}
			if fields := h.clientFields(); fields[4][0] != "client_recent_max_output_buffer" || fields[4][1] == "0" {
				t.Errorf("INFO says %v", fields[4])
			}
			c.skip(len("$\r\n\r\n") + len(strconv.Itoa(size)) + size)
			waitFor(t, "nothing waits", func() bool { return listed(shown, "omem") == 0 })
		})
	}
}

// The replies to a pipeline are charged as they are made: what stands behind the one
// that goes beyond the limit does not run.
func TestNothingRunsBehindTheReplyThatGoesBeyondTheLimit(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.Output = OutputLimit{Hard: 50_000} })
	h.note = true
	c := h.dial(t)
	c.send(strings.Repeat("COMMAND DOCS\r\n", 10) + "SET a 1\r\n")
	c.expectEnd()
	waitFor(t, "it has left", func() bool { return len(h.everyone()) == 0 })
	h.fakeMachine.mu.Lock()
	defer h.fakeMachine.mu.Unlock()
	if len(h.trace) > 0 {
		t.Errorf("the machine ran %q", h.trace)
	}
}

func TestTheIdleTimeBeginsWithTheLastReply(t *testing.T) {
	h := startServer(t, nil)
	h.SetTimeout(300 * time.Millisecond)
	arrived, release := h.holdUp("set")
	c := h.dial(t)
	c.send("SET a 1\r\n")
	<-arrived
	timer := time.NewTimer(400 * time.Millisecond)
	<-timer.C
	h.sweepClients()
	release()
	c.expect("+OK\r\n")
	h.sweepClients()
	c.exchange("PING\r\n", "+PONG\r\n")
	waitFor(t, "it is idle", func() bool { h.sweepClients(); return len(h.everyone()) == 0 })
}

// The setting timeout counts what a client takes, not what it could take.
func TestAClientThatTakesNoneOfItsRepliesIsIdle(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange(multibulk("SET", "k", strings.Repeat("v", 16<<20)), "+OK\r\n")
	c.send("GET k\r\n")
	it := h.everyone()[0]
	waitFor(t, "its socket is full", func() bool {
		since := it.shown.blockedAt.Load()
		return since != 0 && h.now()-since > int64(100*time.Millisecond)
	})
	h.sweepClients()
	if it.ctx.Err() != nil {
		t.Error("it was disconnected without a setting")
	}
	h.SetTimeout(50 * time.Millisecond)
	waitFor(t, "it is disconnected", func() bool { h.sweepClients(); return len(h.everyone()) == 0 })
}

// A client that was busy and sends nothing any more keeps as little as one that never was.
func TestAnIdleClientKeepsLittleMemory(t *testing.T) {
	const count = 50
	h := startServer(t, nil)
	before := heap()
	clients := make([]*wire, count)
	for i := range clients {
		clients[i] = h.dial(t)
		clients[i].exchange("PING\r\n", "+PONG\r\n")
	}
	idle := (heap() - before) / count
	pipeline, replies := strings.Repeat("PING\r\n", 8000), strings.Repeat("+PONG\r\n", 8000)
	busy := 0
	for i, c := range clients {
		go c.Write([]byte(pipeline))
		c.skip(len(replies))
		if h.everyone()[i].shown.spare.Load() {
			busy++
		}
	}
	if busy == 0 {
		t.Fatal("none of them took memory")
	}
	waitFor(t, "it is given back", func() bool {
		h.sweepClients()
		return (heap()-before)/count < idle+2048
	})
	for _, c := range clients {
		c.exchange("PING\r\n", "+PONG\r\n")
	}
	t.Logf("an idle client takes %d bytes of the heap", idle)
}

// Memory is given back also while a command has arrived in part. Nothing of that is lost,
// and it keeps little beside itself.
func TestAHalfCommandSurvivesThatMemoryIsGivenBack(t *testing.T) {
	pings, pongs := strings.Repeat("PING\r\n", 30_000), strings.Repeat("+PONG\r\n", 30_000)
	args := make([]string, 30)
	for i := range args {
		args[i] = strings.Repeat("v", 3000)
	}
	long := strings.Repeat("v", 50_000)
	for name, half := range map[string]struct {
		before, replies string // whole commands
		first, rest     string // a command
		reply           string
	}{
		"a few bytes":              {pings, pongs, "*2\r\n$4\r\nEC", "HO\r\n$5\r\nwhole\r\n", "$5\r\nwhole\r\n"},
		"two bytes":                {pings, pongs, "*2", "\r\n$4\r\nECHO\r\n$5\r\nwhole\r\n", "$5\r\nwhole\r\n"},
		"an inline command":        {pings, pongs, "ECHO wh", "ole\r\n", "$5\r\nwhole\r\n"},
		"whole arguments":          {pings, pongs, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n", "abc\r\n", "+OK\r\n"},
		"part of a large argument": {pings, pongs, "*2\r\n$4\r\nECHO\r\n$50000\r\nv", long[1:] + "\r\n", "$50000\r\n" + long + "\r\n"},
		"a large argument":         {pings, pongs, "*3\r\n$3\r\nSET\r\n$50000\r\n" + long + "\r\n$1\r\n", "v\r\n", "+OK\r\n"},
		"nothing before it":        {"", "", strings.TrimSuffix(multibulk(append([]string{"DEL"}, args...)...), "v\r\n"), "v\r\n", ":31\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			const count = 20
			h := startServer(t, nil)
			before := heap()
			clients := make([]*wire, count)
			for i := range clients {
				clients[i] = h.dial(t)
				clients[i].exchange("PING\r\n", "+PONG\r\n")
			}
			idle := (heap() - before) / count
			for _, c := range clients {
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					c.Write([]byte(half.before + half.first))
				}()
				c.expect(half.replies)
				<-sent
			}
			waitFor(t, "the rest has arrived", func() bool {
				return h.stats.inputBytes.Load() == uint64(count*(len("PING\r\n")+len(half.before+half.first)))
			})
			busy := (heap() - before) / count
			var each int64
			waitFor(t, "it is given back", func() bool {
				spare := 0
				for _, it := range h.everyone() {
					it.shown.activeAt.Store(h.now() - int64(restAfter) - 1) // it has been silent for as long
				}
				h.sweepClients()
				for _, it := range h.everyone() {
					if it.shown.spare.Load() {
						spare++
					}
				}
				each = (heap() - before) / count
				return spare == 0
			})
			t.Logf("idle: %d bytes, busy: %d, at rest: %d, of which a half command: %d", idle, busy, each, len(half.first))
			if each > idle+int64(len(half.first)+len(half.first)/4)+4096 {
				t.Errorf("with half a command of %d bytes an idle client takes %d bytes, with none %d", len(half.first), each, idle)
			}
			it := h.everyone()[0]
			if free, total := listed(it, "qbuf-free"), listed(it, "tot-mem"); free > 2*inputBytesMin || total > 2*inputBytesMin {
				t.Errorf("CLIENT LIST says qbuf-free=%d tot-mem=%d", free, total)
			}
			if field := h.clientFields()[3]; field[0] != "client_recent_max_input_buffer" || len(field[1]) > 4 {
				t.Errorf("INFO says %v", field)
			}
			for _, c := range clients {
				c.exchange(half.rest, half.reply)
			}
		})
	}
}

// A web page can have a browser post to any address. What it posts must not run.
func TestAWebPageCommandsNobody(t *testing.T) {
	h := startServer(t, nil)
	h.note = true
	for _, send := range []string{
		"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n",
		"post / HTTP/1.1\r\nSET a 1\r\n",
		multibulk("POST", "/") + multibulk("SET", "a", "1"),
	} {
		c := h.dial(t)
		c.send(send)
		if strings.HasPrefix(send, "GET") {
			c.expect("-ERR wrong number of arguments for 'get' command\r\n")
		}
		c.expectEnd()
	}
	h.fakeMachine.mu.Lock()
	defer h.fakeMachine.mu.Unlock()
	if len(h.trace) > 0 {
		t.Errorf("the machine ran %q", h.trace)
	}
}
