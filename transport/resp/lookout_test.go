package resp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// waits has a client send WAIT, and waits until it runs.
func (h *harness) waits(t testing.TB) (c *wire, it *client) {
	t.Helper()
	c = h.dial(t)
	c.send("WAIT 1 0\r\n")
	waitFor(t, "it waits", func() bool {
		for _, other := range h.everyone() {
			if other.addr == c.LocalAddr().String() && other.state() == blocked {
				it = other
			}
		}
		return it != nil
	})
	return c, it
}

// fill sends until the socket takes no more.
func (w *wire) fill() {
	w.t.Helper()
	w.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := w.Write(make([]byte, 64<<20)); err == nil {
		w.t.Fatalf("the socket took all of %d bytes", n)
	}
}

// The end of a client stands behind all that it has sent, for which its socket may have no room.
func TestAClientThatFilledItsSocketAndHungUpIsNoLongerWaitedFor(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]func(*wire){
		"closed": func(c *wire) { c.fill(); c.Close() },
		"stays":  func(c *wire) { c.fill() },
		"closed behind what is read ahead": func(c *wire) {
			c.send(strings.Repeat("PING\r\n", 150_000))
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startServer(t, func(o *Options) { o.Settings.StallMax = 200 * time.Millisecond })
			_, stays := h.waits(t)
			c, it := h.waits(t)
			left(c)
			waitFor(t, "it is let go", func() bool { return it.ctx.Err() != nil && len(h.everyone()) == 1 })
			if stays.ctx.Err() != nil {
				t.Error("the client that stays was disconnected")
			}
		})
	}
}

// A command that ends by itself is waited for, however much stands behind it.
func TestMuchMayStandBehindACommandThatEnds(t *testing.T) {
	t.Parallel()
	h := startServer(t, func(o *Options) { o.Settings.StallMax = time.Millisecond })
	arrived, release := h.holdUp("role")
	c := h.dial(t)
	c.send("ROLE\r\n")
	<-arrived
	it := h.everyone()[0]
	behind := multibulk("ECHO", strings.Repeat("x", 3<<20))
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte(behind))
		sent <- err
	}()
	waitFor(t, "as much is read as may be", func() bool { return listed(it, "qbuf") == aheadBytesMax+1 })
	waitFor(t, "the lookout has looked at it", func() bool { return h.now()-it.shown.activeAt.Load() > int64(100*time.Millisecond) })
	release()
	c.expect("$4\r\nrole\r\n$3145728\r\n" + strings.Repeat("x", 3<<20) + "\r\n")
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// What is read ahead is parsed as if it had arrived afterwards, in its order.
func TestWhatIsReadAheadRunsInItsOrder(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	c := h.dial(t)
	var send, want strings.Builder
	for part := range 2 {
		send.WriteString("WAIT 1 1400\r\n")
		want.WriteString(":0\r\n")
		for i := range 900 {
			text := fmt.Sprintf("%d.%d", part, i) + strings.Repeat("x", i%400*(1+i/899*100))
			send.WriteString(multibulk("ECHO", text))
			fmt.Fprintf(&want, "$%d\r\n%s\r\n", len(text), text)
		}
		large := strings.Repeat(fmt.Sprint(part), 200_000)
		send.WriteString(multibulk("ECHO", large))
		fmt.Fprintf(&want, "$%d\r\n%s\r\n", len(large), large)
	}
	all := send.String()
	c.send(all[:len(all)-10])
	it := h.everyone()[0]
	waitFor(t, "it is read ahead", func() bool { return listed(it, "qbuf") > 700_000 })
	waitFor(t, "some is left for the second WAIT", func() bool { return listed(it, "qbuf") < 500_000 && it.state() == blocked })
	c.send(all[len(all)-10:] + "PING\r\n")
	c.expect(want.String() + "+PONG\r\n")
	waitFor(t, "nothing is left", func() bool { return listed(it, "qbuf") == 0 })
	if read := h.stats.inputBytes.Load(); read != uint64(len(all)+len("PING\r\n")) {
		t.Errorf("%d bytes are counted of %d", read, len(all)+len("PING\r\n"))
	}
}

// A stop ends a command also while a lookout reads.
func TestAWaitingClientOfWhomMuchIsReadHoldsUpNoStop(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	c, it := h.waits(t)
	full, other := h.waits(t)
	c.send("PING\r\n")
	full.fill()
	waitFor(t, "it is read ahead", func() bool {
		return listed(it, "qbuf") == int64(len("PING\r\n")) && listed(other, "qbuf") > aheadBytesMax
	})
	begin := time.Now()
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	c.expect(":0\r\n")
	c.expectEnd()
	if took := time.Since(begin); took > finishWithin/2 {
		t.Errorf("Close took %v", took)
	}
}
