package resp

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvorum/kvorum/fsm/command"
)

// debugging are conversations in which only an enabled DEBUG does anything:
// what the node answers, and what is a read of the machine.
var debugging = []string{
	"DEBUG SLEEP 0\r\n", "DEBUG DIGEST\r\n", "DEBUG DIGEST-VALUE a\r\n", "debug help\r\n", "DEBUG\r\n", "DEBUG NOSUCH\r\n",
	"SET a 1\r\nDEBUG DIGEST\r\nGET a\r\n",
}

func TestDebugIsRefusedUnlessEnabled(t *testing.T) {
	h := startServer(t, nil)
	h.note = true
	refused := "-" + string(command.DebugDisabled.Bytes) + "\r\n"
	for _, line := range debugging[:4] {
		h.dial(t).exchange(line, refused)
	}
	if len(h.trace) > 0 {
		t.Errorf("a refused DEBUG went on as %v", h.trace)
	}
	for _, field := range h.InfoFields("commandstats") {
		if strings.Contains(field[1], "rejected_calls=0") {
			t.Errorf("not counted as rejected: %v", field)
		}
	}
	enabled := startServer(t, func(o *Options) { o.DebugCommands = true })
	enabled.dial(t).exchange("DEBUG DIGEST\r\n", "-ERR the fake machine has no debug|digest\r\n")
}

func TestDebugIsRefusedAsByRedis(t *testing.T) {
	same(t, startServer(t, nil).addr, redisAt(t), debugging)
}

func TestTheQueryBufferLimitBoundsACommand(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.CommandBytes = 100 })
	within, beyond := multibulk("set", "a", strings.Repeat("x", 20)), multibulk("set", "a", strings.Repeat("x", 100))
	h.dial(t).exchange(within+within+within, "+OK\r\n+OK\r\n+OK\r\n")
	tooLarge := h.dial(t)
	tooLarge.exchange(within, "+OK\r\n")
	tooLarge.send(beyond)
	tooLarge.expectEnd()
	h.SetCommandBytes(1 << 20)
	h.dial(t).exchange(beyond, "+OK\r\n")
}

// TestKeepAliveIsTheSettings asks the system about the connections of two
// clients, between whose arrivals the setting changes.
func TestKeepAliveIsTheSettings(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.KeepAlive = 90 * time.Second })
	socketOf := func() net.Conn {
		w := h.dial(t)
		w.exchange("PING\r\n", "+PONG\r\n")
		clients := h.everyone()
		return clients[len(clients)-1].conn
	}
	if on := option(t, socketOf(), unix.SOL_SOCKET, unix.SO_KEEPALIVE); on == 0 {
		t.Error("the first connection is not kept alive")
	}
	if interval := option(t, socketOf(), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL); interval != 30 {
		t.Errorf("the system asks every %d s, want 30", interval)
	}
	h.SetKeepAlive(0)
	if on := option(t, socketOf(), unix.SOL_SOCKET, unix.SO_KEEPALIVE); on != 0 {
		t.Error("a connection is kept alive, which the setting does not want")
	}
}

func option(t *testing.T, conn net.Conn, level, name int) (value int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Redis does not count the 16 KB that it has for every client's replies.
func TestTheOutputLimitAppliesToWhatGoesBeyondOneOrdinaryReply(t *testing.T) {
	theirs := redisAt(t)
	dialWire(t, theirs).exchange("CONFIG SET client-output-buffer-limit \"normal 1 0 0\"\r\n", "+OK\r\n")
	ours := startServer(t, func(o *Options) { o.Settings.Output = OutputLimit{Hard: 1} })
	for _, addr := range []string{ours.addr, theirs} {
		c := dialWire(t, addr)
		c.exchange("PING\r\n", "+PONG\r\n")
		within, beyond := strings.Repeat("v", 10_000), strings.Repeat("v", 40_000)
		c.exchange(multibulk("SET", "a", within), "+OK\r\n")
		c.exchange("GET a\r\n", "$10000\r\n"+within+"\r\n")
		c.exchange(multibulk("SET", "b", beyond), "+OK\r\n")
		c.send("GET b\r\n")
		c.expectEnd()
	}
}

func TestTheSoftOutputLimitAppliesToWhatGoesBeyondOneOrdinaryReply(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.Output = OutputLimit{Soft: 100, SoftTime: time.Hour} })
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	c := h.everyone()[0]
	waitFor(t, "nothing waits", func() bool { return listed(c, "omem") == 0 })
	for _, step := range []struct {
		bytes  int64
		beyond bool
	}{{outputBytesFree + 100, false}, {1, true}, {-1, false}, {-outputBytesFree - 100, false}} {
		if step.bytes > 0 {
			c.charge(step.bytes, 0)
		} else {
			c.discharge(-step.bytes)
		}
		if got := c.shown.softSince.Load() != 0; got != step.beyond {
			t.Errorf("after %d bytes: beyond the soft limit is %v", step.bytes, got)
		}
	}
}

// What waits for a client is held against the limit that is set now, also if nothing more comes.
func TestASoftOutputLimitThatChangesIsLookedAtAnew(t *testing.T) {
	low := OutputLimit{Soft: 100, SoftTime: time.Minute}
	h := startServer(t, func(o *Options) { o.Settings.Output = low })
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	c := h.everyone()[0]
	waitFor(t, "nothing waits", func() bool { return listed(c, "omem") == 0 })
	c.charge(outputBytesFree+200, 0)
	now := h.now()
	for i, step := range []struct {
		limit OutputLimit
		after time.Duration
		why   string
	}{
		{OutputLimit{Soft: 1000, SoftTime: time.Minute}, time.Hour, ""},
		{low, 2 * time.Hour, ""}, // its time begins again
		{low, 2*time.Hour + 59*time.Second, ""},
		{low, 2*time.Hour + 61*time.Second, "output limit reached"},
		{OutputLimit{}, 3 * time.Hour, ""},
		{low, 4 * time.Hour, ""},
		{OutputLimit{Soft: 100, SoftTime: time.Hour}, 4*time.Hour + 2*time.Minute, ""},
	} {
		h.settings.output.Store(&step.limit)
		if why := c.misbehaves(now + int64(step.after)); why != step.why {
			t.Errorf("step %d, after %v: disconnected because %q, want %q", i, step.after, why, step.why)
		}
	}
}

func TestALoweredOutputLimitAppliesToWhatWaitsAsInRedis(t *testing.T) {
	ours, theirs := startServer(t, nil), redisAt(t)
	for addr, lower := range map[string]func(){
		ours.addr: func() { ours.SetOutputLimit(OutputLimit{Hard: 1 << 20}) },
		theirs: func() {
			dialWire(t, theirs).exchange("CONFIG SET client-output-buffer-limit \"normal 1048576 0 0\"\r\n", "+OK\r\n")
		},
	} {
		c, other := dialWire(t, addr), dialWire(t, addr)
		c.exchange(multibulk("SET", "k", strings.Repeat("v", 32<<20)), "+OK\r\n")
		c.send("GET k\r\n")
		c.expect("$33554432\r\n") // the rest waits
		lower()
		waitFor(t, "it is disconnected", func() bool {
			other.send("CLIENT LIST\r\n")
			list := make([]byte, 4096)
			n, err := other.Read(list)
			if err != nil {
				t.Fatal(err)
			}
			return !strings.Contains(string(list[:n]), "cmd=get ")
		})
	}
}
