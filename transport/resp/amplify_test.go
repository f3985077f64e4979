package resp

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// allocated runs a function and returns how many bytes the process has allocated meanwhile.
func allocated(run func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// stuckOrGone reports whether a client takes none of its replies, or has been disconnected.
func stuckOrGone(h *harness, clients int) bool {
	h.Server.mu.Lock()
	begun := int(h.numbers)
	h.Server.mu.Unlock()
	left := h.everyone()
	settled := begun - len(left)
	for _, c := range left {
		if since := c.shown.blockedAt.Load(); since != 0 && h.now()-since > int64(100*time.Millisecond) {
			settled++
		}
	}
	return settled == clients
}

// A reply that is many times as long as its request takes memory in proportion to the
// request, although its client reads none of it, and none beyond a hard limit.
func TestALongReplyToAShortRequestIsNotMadeAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes on one goroutine")
	}
	const times, factorMax = 20_000, 32
	for _, words := range []string{
		"command docs client", "command docs client|list", "command info client", "command getkeys mget k",
		"command getkeysandflags mget k", "command docs nope", "command info nope", "mget k",
	} {
		for name, limit := range map[string]OutputLimit{"no limit": {}, "a hard limit": {Hard: 100_000}} {
			t.Run(words+", "+name, func(t *testing.T) {
				h := startServer(t, func(o *Options) { o.Settings.Output = limit })
				h.data["0:k"] = []byte(strings.Repeat("v", 1000))
				fields := strings.Fields(words)
				for last := fields[len(fields)-1]; len(fields) < times; {
					fields = append(fields, last)
				}
				request := multibulk(fields...)
				stop := heapPeak()
				c := h.dial(t)
				c.exchange("PING\r\n", "+PONG\r\n")
				it, before := h.everyone()[0], h.stats.outputBytes.Load()
				c.send(request)
				waitFor(t, "its reply waits, or is sent", func() bool {
					return stuckOrGone(h, 1) || h.stats.outputBytes.Load() > before && it.shown.pending.Load() == 0
				})
				grown, most := stop(), int64(factorMax*len(request)+4<<20)
				t.Logf("%d KB of request take %d KB", len(request)>>10, grown>>10)
				if grown > most {
					t.Errorf("%d bytes of request take %d, more than %d", len(request), grown, most)
				}
			})
		}
	}
}

// However many clients ask for a table that all share, none has a copy of it.
func TestClientsThatDoNotReadShareTheCommandTable(t *testing.T) {
	const clients = 20
	h := startServer(t, nil)
	before := heap()
	for range clients {
		c := h.dial(t)
		c.send(strings.Repeat("COMMAND DOCS"+strings.Repeat(" client", 500)+"\r\n", 4))
	}
	waitFor(t, "all are stuck", func() bool { return stuckOrGone(h, clients) })
	each := (heap() - before) / clients
	t.Logf("a client takes %d KB", each>>10)
	if each > 8*outputBytesMax {
		t.Errorf("a client takes %d bytes", each)
	}
}

// A client is disconnected for a reply beyond its limit before that is rendered.
func TestAReplyBeyondTheLimitIsNotRendered(t *testing.T) {
	const values = 400_000
	h := startServer(t, func(o *Options) { o.Settings.Output = OutputLimit{Hard: 100_000} })
	v := keys(values)
	h.fakeMachine.keys = func() reply.Value { return v }
	c := h.dial(t)
	c.exchange("PING\r\n", "+PONG\r\n")
	took := allocated(func() {
		c.send("KEYS *\r\n")
		c.expectEnd()
		waitFor(t, "it has left", func() bool { return len(h.everyone()) == 0 })
	})
	if took > 1<<20 {
		t.Errorf("%d bytes were allocated for a reply that nobody gets", took)
	}
}
