package resp

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// long has the tests below take the sizes that the limits are meant for.
var long = flag.Bool("long", false, "stream 1 GB where the tests stream 48 MB")

// heap returns the bytes of the heap that are in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heapPeak watches the heap until stopped and returns how far it grew.
func heapPeak() (stop func() int64) {
	before := heap()
	var peak atomic.Int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), int64(m.HeapAlloc)))
			}
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return peak.Load() - before
	}
}

// stillServes checks that another client is answered at once.
func stillServes(t *testing.T, h *harness) {
	t.Helper()
	c := h.dial(t)
	c.SetDeadline(time.Now().Add(2 * time.Second))
	c.exchange("PING\r\n", "+PONG\r\n")
	c.Close()
}

func TestALengthNearTheLargestNumberIsRefused(t *testing.T) {
	h := startServer(t, nil)
	for _, send := range []string{"*1\r\n$9223372036854775807\r\nx", "*1\r\n$9223372036854775806\r\n", "*1\r\n$18446744073709551615\r\n"} {
		c := h.dial(t)
		c.exchange(send, "-ERR Protocol error: invalid bulk length\r\n")
		c.expectEnd()
		stillServes(t, h)
	}
}

func TestAHugeCountIsRefusedAndALargeOneCostsNothing(t *testing.T) {
	h := startServer(t, nil)
	for _, count := range []string{"1000000000000", "2000000000", "1048577"} {
		c := h.dial(t)
		c.exchange("*"+count+"\r\n", "-ERR Protocol error: invalid multibulk length\r\n")
		c.expectEnd()
	}
	before := heap()
	for range 100 {
		h.dial(t).send("*1048576\r\n$3\r\nDEL\r\n$536870912\r\n")
	}
	waitFor(t, "all are being read", func() bool { return len(h.everyone()) == 100 })
	stillServes(t, h)
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("100 clients that announced 512 MB took %d bytes", grown)
	}
}

func TestAnEndlessPipelineTakesBoundedMemory(t *testing.T) {
	total := 48 << 20
	if *long {
		total = 1 << 30
	}
	h := startServer(t, nil)
	c := h.dial(t)
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	cmd := multibulk("SET", "key", strings.Repeat("x", 937))
	// Packets end within commands, so that a part of one is always left over.
	stream := strings.Repeat(cmd, 64)
	count := total / len(stream) * 64
	stop := heapPeak()
	read := make(chan int64, 1)
	go func() {
		n, _ := io.CopyN(io.Discard, c, int64(count*len("+OK\r\n")))
		read <- n
	}()
	for sent, offset := 0, 0; sent < count*len(cmd); {
		n := min(10007, count*len(cmd)-sent)
		piece := stream[offset:]
		if len(piece) < n {
			piece += stream[:n-len(piece)]
		}
		c.send(piece[:n])
		sent, offset = sent+n, (offset+n)%len(stream)
	}
	if n := <-read; n != int64(count*len("+OK\r\n")) {
		t.Fatalf("%d bytes of replies to %d commands", n, count)
	}
	grown := stop()
	t.Logf("%d MB streamed, heap grew by %d MB at most", total>>20, grown>>20)
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// A few bytes ask for a large reply: they must not be collected for a whole
// pipeline, nor those that the machine makes.
func TestAPipelineThatAsksForLargeRepliesTakesBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes on one goroutine")
	}
	h := startServer(t, nil)
	for _, ask := range []string{"COMMAND DOCS", "KEYS *"} {
		c := h.dial(t)
		stop := heapPeak()
		c.send(strings.Repeat(ask+"\r\n", 300) + "ECHO the-end\r\n")
		piece := make([]byte, 1<<20)
		for read := 0; !bytes.HasSuffix(piece[:read], []byte("-end\r\n")); {
			var err error
			if read, err = c.Read(piece); err != nil {
				t.Fatal(err)
			}
		}
		if grown := stop(); grown > 64<<20 {
			t.Errorf("300 x %s: the heap grew by %d MB", ask, grown>>20)
		}
		c.Close()
	}
}

func TestWhatALargeCommandTookIsGivenBack(t *testing.T) {
	const size = 64 << 20
	h := startServer(t, nil)
	c := h.dial(t)
	before := heap()
	value := make([]byte, size)
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	for range 2 {
		fmt.Fprintf(c, "*4\r\n$3\r\nDEL\r\n$1\r\na\r\n$%d\r\n", size)
		c.Write(value)
		c.send("\r\n$1\r\nx\r\n")
		c.expect(":4\r\n")
	}
	value = nil
	runtime.ReadMemStats(&m1)
	if took := int64(m1.TotalAlloc - m0.TotalAlloc); took > 2*3*size {
		t.Errorf("two commands of %d bytes took %d", size, took)
	}
	waitFor(t, "the idle connection keeps next to nothing", func() bool { return heap()-before < 4<<20 })
}

func TestALargeCommandInSmallPacketsIsLookedAtOnce(t *testing.T) {
	args := make([]string, 300000)
	for i := range args {
		args[i] = "a"
	}
	for name, cmd := range map[string]string{"one string": multibulk("SET", "k", strings.Repeat("v", 16<<20)), "many": multibulk(args...)} {
		begin := time.Now()
		cmds, refusal := throughInput(t, []byte(cmd), &fixedPolicy{bulkMax: bulkBytesMax}, func() int { return 536 })
		if len(cmds) != 1 || refusal != "" {
			t.Fatalf("%s: %d commands, %q", name, len(cmds), refusal)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(cmd), took)
		}
	}
}

func TestAnInlineCommandWithoutEndIsRefused(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("PING "+strings.Repeat("a", 65536-5)+"b", "-ERR Protocol error: too big inline request\r\n")
	c.expectEnd()
	stillServes(t, h)
}

func TestEmptyCommandsAreIgnored(t *testing.T) {
	h := startServer(t, nil)
	h.dial(t).exchange("*0\r\n*-1\r\n\r\n\n*-100\r\n*1\r\n$4\r\nPING\r\n", "+PONG\r\n")
}

func TestArgumentsUpToTheLimitAreTaken(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.send("*1048576\r\n$3\r\nDEL\r\n" + strings.Repeat("$1\r\na\r\n", 1048575))
	c.expect(":1048576\r\n")
}

func TestACommandLargerThanAllowedEndsTheConnection(t *testing.T) {
	p := &fixedPolicy{bulkMax: bulkBytesMax}
	in := &input{conn: &scriptConn{}, policy: p}
	in.buf = []byte("*4\r\n$536870912\r\n")
	in.tail = len(in.buf)
	in.arguments, in.phase, in.size, in.scan = 3, inHeader, commandBytesMax/2+1, 4
	in.look = in.scan
	if err := in.parse(); err != errTooLarge {
		t.Fatalf("a third string beyond 1 GB: %v", err)
	}
	in.failed = errTooLarge
	if err := in.fail(); err != io.EOF {
		t.Fatalf("ended with %v, want no word to the client", err)
	}
}

func TestTheBulkLimitIsASetting(t *testing.T) {
	h := startServer(t, nil)
	h.SetBulkBytes(1 << 20)
	h.dial(t).exchange("*2\r\n$3\r\nDEL\r\n$1048577\r\n", "-ERR Protocol error: invalid bulk length\r\n")
	h.SetBulkBytes(2 << 20)
	h.dial(t).exchange(multibulk("DEL", strings.Repeat("x", 1048577)), ":2\r\n")
}

func TestClientsBeyondTheLimitAreToldAndRefused(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.MaxClients = 2 })
	first := h.dial(t)
	first.exchange("PING\r\n", "+PONG\r\n")
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	third := h.dial(t)
	third.expect("-ERR max number of clients reached\r\n")
	third.expectEnd()
	h.SetMaxClients(3)
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	first.Close()
	waitFor(t, "the first has gone", func() bool { return len(h.everyone()) == 2 })
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	if got := h.stats.refusedConnections.Load(); got != 1 {
		t.Errorf("%d refused connections are counted", got)
	}
}

func TestAClientThatReadsNothingIsDisconnected(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.StallMax = time.Millisecond })
	c := h.dial(t)
	c.exchange(multibulk("SET", "k", strings.Repeat("v", 8<<20)), "+OK\r\n")
	stop := heapPeak()
	c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	for range 1000 {
		if _, err := c.Write([]byte(strings.Repeat(multibulk("GET", "k"), 100))); err != nil {
			break
		}
		h.sweepClients()
	}
	waitFor(t, "it is disconnected", func() bool { h.sweepClients(); return len(h.everyone()) == 0 })
	if grown := stop(); grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if h.stats.outputLimited.Load() != 1 {
		t.Error("it is not counted")
	}
	stillServes(t, h)
}

func TestRepliesBeyondTheHardLimitEndTheConnection(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange(multibulk("SET", "k", strings.Repeat("v", 12000)), "+OK\r\n")
	h.SetOutputLimit(OutputLimit{Hard: 3000})
	c.send("GET k\r\n")
	c.expect("$12000\r\n" + strings.Repeat("v", 12000) + "\r\n")
	c.send(multibulk("GET", "k") + multibulk("GET", "k"))
	c.expectEnd()
	stillServes(t, h)
}

func TestRepliesBeyondTheSoftLimitMayWaitItsTime(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.Output = OutputLimit{Soft: 1 << 20, SoftTime: time.Millisecond} })
	c := h.dial(t)
	c.exchange(multibulk("SET", "k", strings.Repeat("v", 32<<20)), "+OK\r\n")
	c.send("GET k\r\n")
	waitFor(t, "it is disconnected", func() bool { h.sweepClients(); return len(h.everyone()) == 0 })
}

func TestAClientBeforeAuthenticationMaySendLittle(t *testing.T) {
	h := startServer(t, func(o *Options) { o.Settings.Password = "pw" })
	h.dial(t).exchange("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n")
	h.dial(t).exchange("*2\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n")
	args := strings.Split("MGET"+strings.Repeat(" a", 50), " ")
	c := h.dial(t)
	c.exchange(multibulk("AUTH", "pw")+multibulk(args...), "+OK\r\n*50\r\n"+strings.Repeat("$0\r\n\r\n", 50))
	c.exchange("RESET\r\nGET a\r\n", "+RESET\r\n-NOAUTH Authentication required.\r\n")
	c.exchange(multibulk(args...), "-ERR Protocol error: unauthenticated multibulk length\r\n")
	c.expectEnd()
}

// pauseListener fails to accept, as when the process has no descriptors left.
type pauseListener struct {
	net.Listener
	failures atomic.Int64
}

func (l *pauseListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, fmt.Errorf("accept: too many open files")
	}
	return l.Listener.Accept()
}

func TestAFailedAcceptIsTriedAgainLater(t *testing.T) {
	var ln *pauseListener
	h := startServer(t, func(o *Options) {
		ln = &pauseListener{Listener: o.Listener}
		ln.failures.Store(3)
		o.Listener = ln
	})
	begin := time.Now()
	stillServes(t, h)
	if waited := time.Since(begin); waited < 7*acceptWaitMin {
		t.Errorf("three failures took %v", waited)
	}
}
