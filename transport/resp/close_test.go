package resp

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// holdUp makes the fake machine wait in commands of that name.
func (m *fakeMachine) holdUp(name string) (arrived <-chan struct{}, release func()) {
	in, out := make(chan struct{}, 16), make(chan struct{})
	m.before = func(got string) {
		if got == name {
			in <- struct{}{}
			<-out
		}
	}
	return in, func() { close(out) }
}

func TestCloseLetsWhatIsRunningFinish(t *testing.T) {
	h := startServer(t, nil)
	idle, busy, half := h.dial(t), h.dial(t), h.dial(t)
	idle.exchange("PING\r\n", "+PONG\r\n")
	half.exchange("PING\r\n*2\r\n$3\r\nGET\r\n$5", "+PONG\r\n")
	arrived, release := h.holdUp("set")
	busy.send("SET a 1\r\nGET a\r\n")
	<-arrived
	closed := make(chan error, 1)
	go func() { closed <- h.Close(context.Background()) }()
	idle.expectEnd()
	half.expectEnd()
	if conn, err := net.Dial("tcp", h.addr); err == nil {
		conn.Close()
		t.Error("a client was accepted after Close began")
	}
	select {
	case <-closed:
		t.Fatal("Close did not wait for the write")
	default:
	}
	release()
	busy.expect("+OK\r\n$1\r\n1\r\n")
	busy.expectEnd()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCloseCutsOffWhatDoesNotFinishInTime(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.send("WAIT 1 0\r\n") // until its context ends
	waitFor(t, "it runs", func() bool { return busyClients(h) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
	c.expectEnd()
}

func busyClients(h *harness) (n int) {
	for _, c := range h.everyone() {
		if c.shown.busySince.Load() != 0 {
			n++
		}
	}
	return n
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	h := startServer(t, nil)
	for range 20 {
		c := h.dial(t)
		c.exchange("SET a 1\r\n", "+OK\r\n")
	}
	h.stop(t)
	waitFor(t, "the package's goroutines have ended", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !strings.Contains(string(stacks), "resp.(*Server).") && !strings.Contains(string(stacks), "redcon.")
	})
}

func TestAClientThatHungUpIsNoLongerWaitedFor(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	c, stays := h.dial(t), h.dial(t)
	c.send("WAIT 1 0\r\n")
	stays.send("WAIT 1 0\r\n")
	waitFor(t, "both run", func() bool { return busyClients(h) == 2 })
	c.Close()
	waitFor(t, "one is let go", func() bool { return busyClients(h) == 1 })
	waitFor(t, "it is not listed any more", func() bool { return len(h.everyone()) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.Close(ctx)
}

func TestAClientThatSendsNoMoreStillGetsItsReplies(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	arrived, release := h.holdUp("set")
	c := h.dial(t)
	c.send("SET a 1\r\nGET a\r\n")
	<-arrived
	c.Conn.(*net.TCPConn).CloseWrite()
	long := h.now() + 2*int64(hangUpAfter)
	for _, other := range h.everyone() {
		if why := other.misbehaves(long); why != "" {
			t.Errorf("it would be disconnected: %s", why)
		}
	}
	release()
	c.expect("+OK\r\n$1\r\n1\r\n")
	c.expectEnd()
}

func TestAnIdleClientIsDisconnectedAfterTheTimeout(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("PING\r\n", "+PONG\r\n")
	h.sweepClients()
	c.exchange("PING\r\n", "+PONG\r\n")
	h.SetTimeout(time.Nanosecond)
	h.sweepClients()
	c.expectEnd()
}
