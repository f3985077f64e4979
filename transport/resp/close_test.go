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
	arrived, release := h.holdUp("set")
	c.send("SET a 1\r\n")
	<-arrived
	time.AfterFunc(100*time.Millisecond, release) // the machine lets go of it once the client is cut off
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
	c.expectEnd()
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
		return !strings.Contains(string(stacks), "resp.(*Server).") && !strings.Contains(string(stacks), "resp.(*client).")
	})
}

func TestAClientThatHungUpIsNoLongerWaitedFor(t *testing.T) {
	t.Parallel()
	for name, unread := range map[string]string{"nothing is unread": "", "behind bytes that nobody has read": strings.Repeat("PING\r\n", 1000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startServer(t, nil)
			c, stays := h.dial(t), h.dial(t)
			c.send("WAIT 1 0\r\n")
			stays.send("WAIT 1 0\r\n")
			waitFor(t, "both run", func() bool { return h.inState(blocked) == 2 })
			stays.send(unread)
			c.send(unread)
			c.Close()
			waitFor(t, "one is let go", func() bool { return h.inState(blocked) == 1 })
			waitFor(t, "it is not listed any more", func() bool { return len(h.everyone()) == 1 })
			if h.everyone()[0].addr != stays.LocalAddr().String() {
				t.Error("the client that stays was disconnected")
			}
		})
	}
}

// A client that waits for what need not come holds up no stop: it is answered as when
// its time is over.
func TestAWaitingClientHoldsUpNoStop(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.send("WAIT 1 0\r\n")
	waitFor(t, "it waits", func() bool { return h.inState(blocked) == 1 })
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

// A client that takes none of its replies holds up a stop for a moment only.
func TestAClientThatNeverReadsHoldsUpAStopForAMomentOnly(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange(multibulk("SET", "k", strings.Repeat("v", 8<<20)), "+OK\r\n")
	c.send("GET k\r\nGET k\r\n")
	waitFor(t, "its socket is full", func() bool {
		since := h.everyone()[0].shown.blockedAt.Load()
		return since != 0 && h.now()-since > int64(200*time.Millisecond)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 3*finishWithin {
		t.Errorf("Close took %v", took)
	}
}

func TestAClientThatSendsNoMoreStillGetsItsReplies(t *testing.T) {
	t.Parallel()
	h := startServer(t, nil)
	arrived, release := h.holdUp("set")
	c := h.dial(t)
	c.send("SET a 1\r\nGET a\r\n")
	<-arrived
	c.Conn.(*net.TCPConn).CloseWrite()
	h.sweepClients()
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
