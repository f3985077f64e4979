package resp

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// monitor is a client that has sent MONITOR.
func monitor(t testing.TB, addr string) *wire {
	t.Helper()
	m := dialWire(t, addr)
	m.exchange("MONITOR\r\n", "+OK\r\n")
	return m
}

// ran reads n lines of a monitor, without what differs from run to run.
func (w *wire) ran(n int) (lines []string) {
	w.t.Helper()
	in := bufio.NewReader(w)
	for range n {
		line, err := in.ReadString('\n')
		if err != nil {
			w.t.Fatalf("after %q: %v", lines, err)
		}
		lines = append(lines, regexp.MustCompile(`^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]`).ReplaceAllString(strings.TrimSpace(line), "$1"))
	}
	return lines
}

func TestAMonitorSeesWhatOthersRunAsInRedis(t *testing.T) {
	conversation := "SET a \"x\\\"\\n\\xff\"\r\nNOPE\r\nGET\r\nSELECT 3\r\nGET a\r\nAUTH default pw\r\nHELLO 2 AUTH default pw SETNAME me\r\n" +
		"HELLO 2 SETNAME AUTH AUTH default pw\r\n" +
		"CONFIG GET maxclients\r\nCLIENT LIST\r\nPING\r\nECHO \"\\a\\b\\t\\r\"\r\nINFO nosuch\r\n"
	seen := func(addr string) string {
		m := monitor(t, addr)
		c := dialWire(t, addr)
		c.send(conversation)
		return strings.Join(m.ran(9), "\n")
	}
	h := startServer(t, nil)
	if got, want := seen(h.addr), seen(redisAt(t)); got != want {
		t.Errorf("a monitor was sent\n%s\nwant, as from Redis,\n%s", got, want)
	}
}

func TestAMonitorTakesNoCommandsOnKeysAndSeesItsOwnBehindTheReply(t *testing.T) {
	h := startServer(t, nil)
	m := monitor(t, h.addr)
	m.send("GET a\r\nSET a 1\r\nPING\r\n")
	m.expect("-ERR Replica can't interact with the keyspace\r\n-ERR Replica can't interact with the keyspace\r\n+PONG\r\n")
	if got := m.ran(1); got[0] != `0 "PING"` {
		t.Errorf("its own command is shown as %q", got)
	}
	if list := h.everyone()[0].line(1); !strings.Contains(list, " flags=O ") {
		t.Errorf("it is listed as %s", list)
	}
	m.exchange("RESET\r\nGET a\r\n", "+RESET\r\n$-1\r\n")
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	m.exchange("PING\r\n", "+PONG\r\n")
}

// What is pushed stands between two replies, also where a reply is longer than what
// the socket takes at once.
func TestAPushNeverStandsInsideAReply(t *testing.T) {
	h := startServer(t, nil)
	m := monitor(t, h.addr)
	other := h.dial(t)
	const asked = 60
	go func() {
		for range asked {
			m.Write([]byte("COMMAND DOCS\r\n"))
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3000 {
			other.exchange("ECHO between\r\n", "$7\r\nbetween\r\n")
		}
	}()
	in := bufio.NewReader(m)
	lines, replies := 0, 0
	for lines < 3000 || replies < asked {
		mark, err := in.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		in.UnreadByte()
		switch mark {
		case '+':
			line, _ := in.ReadString('\n')
			if strings.Contains(line, "ECHO") {
				lines++
			}
		case '*':
			if err := skipReply(in); err != nil {
				t.Fatalf("reply %d, behind %d lines: %v", replies, lines, err)
			}
			replies++
		default:
			t.Fatalf("%q stands where a reply begins", mark)
		}
	}
	<-done
}

// skipReply reads one reply, in RESP2, in which no monitor's line may stand.
func skipReply(in *bufio.Reader) error {
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch {
	case line[0] == '*':
		for range n {
			if err := skipReply(in); err != nil {
				return err
			}
		}
	case line[0] == '$' && n >= 0:
		_, err = in.Discard(n + 2)
	case line[0] == '+' && strings.Contains(line, "[0 127"):
		return fmt.Errorf("%q stands inside it", line)
	}
	return err
}

// Who pushes to a client that does not read never waits for it; the client is
// disconnected at its limit.
func TestAMonitorThatDoesNotReadSlowsNobody(t *testing.T) {
	h := startServer(t, nil)
	m := monitor(t, h.addr)
	m.Conn.(*net.TCPConn).SetReadBuffer(4096)
	c := h.dial(t)
	long := multibulk("ECHO", strings.Repeat("x", 15_000))
	stop := heapPeak()
	sent := 0
	for ; len(h.monitors.list()) > 0 && sent < 8*pushBytesMax; sent += len(long) {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		c.send(long)
		c.skip(len("$15000\r\n\r\n") + 15_000)
	}
	grown := stop()
	if sent < pushBytesMax || sent > 2*pushBytesMax {
		t.Errorf("it was disconnected after %d bytes, its limit being %d", sent, pushBytesMax)
	}
	if grown > 4*pushBytesMax {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	waitFor(t, "it is counted", func() bool { return h.stats.outputLimited.Load() == 1 })
}

func TestManyMonitorsThatDoNotReadShareWhatWaits(t *testing.T) {
	h := startServer(t, nil)
	const count = 50
	for range count {
		monitor(t, h.addr).Conn.(*net.TCPConn).SetReadBuffer(4096)
	}
	c := h.dial(t)
	stop := heapPeak()
	for range 300 {
		c.send(multibulk("ECHO", strings.Repeat("x", 15_000)))
		c.skip(len("$15000\r\n\r\n") + 15_000)
	}
	if got := len(h.monitors.list()); got != count {
		t.Errorf("%d monitors are left, want %d", got, count)
	}
	if grown := stop(); grown > 100<<20 {
		t.Errorf("%d monitors that wait for 4 MB each took %d MB", count, grown>>20)
	}
}

// The setting timeout ends idle clients, and a monitor of a quiet node is none.
func TestAMonitorIsNeverIdle(t *testing.T) {
	h := startServer(t, nil)
	m := monitor(t, h.addr)
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	h.SetTimeout(time.Nanosecond)
	waitFor(t, "the other client is disconnected", func() bool { h.sweepClients(); return len(h.everyone()) == 1 })
	h.SetTimeout(0)
	m.ran(1)
	m.exchange("PING\r\n", "+PONG\r\n")
}

// The goroutine of a connection gets its turn although others push without a pause.
func TestAReplyDoesNotWaitForTheLastPush(t *testing.T) {
	h := startServer(t, nil)
	m := monitor(t, h.addr)
	o := &h.everyone()[0].outbox
	line := []byte("+" + strings.Repeat("x", 1000) + "\r\n")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if o.client.shown.pending.Load() < pushBytesMax/2 { // never empty, and never too much
					o.push(int64(len(line)), func() []byte { return line })
				}
			}
		}
	}()
	in := bufio.NewReader(m)
	for range 5 {
		m.send("PING\r\n")
		for line := ""; line != "+PONG\r\n"; {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	<-stopped
}

// Redis decides whether a client monitors when a command has run.
func TestWhatAMonitorIsSentOfItsOwnIsAsInRedis(t *testing.T) {
	h := startServer(t, nil)
	theirs := redisAt(t)
	for _, conversation := range []string{
		"MONITOR\r\nPING\r\nRESET\r\nPING\r\n", "MONITOR\r\nQUIT\r\n", "MONITOR\r\nECHO a\r\nQUIT\r\n", "PING\r\nMONITOR\r\nPING\r\n",
		"MONITOR\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n", "MONITOR\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n",
		"CLIENT REPLY OFF\r\nMONITOR\r\nPING\r\nCLIENT REPLY ON\r\n", "MONITOR\r\nCLIENT REPLY OFF\r\nRESET\r\nMONITOR\r\nPING\r\n",
	} {
		same(t, h.addr, theirs, []string{conversation}) // one at a time: a monitor sees the others
	}
}

// CLIENT REPLY OFF keeps from a monitor what others run.
func TestWhatAMonitorIsSentOfOthersIsAsInRedis(t *testing.T) {
	seen := func(addr string) string {
		m, c := monitor(t, addr), dialWire(t, addr)
		m.exchange("CLIENT REPLY OFF\r\nCLIENT REPLY ON\r\n", "+OK\r\n")
		on := m.ran(1)
		m.send("CLIENT REPLY OFF\r\nCLIENT SETNAME silent\r\n")
		for listed := make([]byte, 4096); !strings.Contains(string(listed), "name=silent"); {
			c.send("CLIENT LIST\r\n")
			n, err := c.Read(listed[:cap(listed)])
			if err != nil {
				t.Fatal(err)
			}
			listed = listed[:n]
		}
		c.exchange("ECHO hidden\r\n", "$6\r\nhidden\r\n")
		m.exchange("CLIENT REPLY ON\r\n", "+OK\r\n")
		back := m.ran(1)
		dialWire(t, addr).exchange("QUIT\r\n", "+OK\r\n")
		c.exchange("ECHO shown\r\n", "$5\r\nshown\r\n")
		return strings.Join(append(append(on, back...), m.ran(2)...), "\n")
	}
	if got, want := seen(startServer(t, nil).addr), seen(redisAt(t)); got != want {
		t.Errorf("a monitor was sent\n%s\nwant, as from Redis,\n%s", got, want)
	}
}

// A monitor's line takes up to four bytes for each of a command's. One that no monitor may
// have is not made, and one that they may have is made once.
func TestAMonitorMultipliesNoLargeCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes on one goroutine")
	}
	for name, c := range map[string]struct {
		bytes, others int
		own           bool
		limit         OutputLimit
		most          float64 // times the command's bytes that are allocated
	}{
		"too large":                     {bytes: 32 << 20, others: 3, most: 3.5},
		"too large for its own monitor": {bytes: 32 << 20, own: true, most: 3.5},
		"beyond a hard limit":           {bytes: 2 << 20, others: 3, limit: OutputLimit{Hard: 4 << 20}, most: 3.5},
		"small enough":                  {bytes: 4 << 20, others: 3, most: 8},
	} {
		t.Run(name, func(t *testing.T) {
			h := startServer(t, func(o *Options) { o.Settings.Output = c.limit })
			var all []*wire
			for range c.others {
				all = append(all, monitor(t, h.addr))
			}
			sender := h.dial(t)
			if c.own {
				sender = monitor(t, h.addr)
			}
			command := []byte(multibulk("CLIENT", "SETINFO", "LIB-NAME", string(make([]byte, c.bytes))))
			shown := c.bytes*4 < pushBytesMax && c.limit.Hard == 0
			took := allocated(func() {
				if _, err := sender.Write(command); err != nil {
					t.Fatal(err)
				}
				if !c.own {
					sender.expect("-ERR lib-name cannot contain spaces, newlines or special characters.\r\n")
				}
				for _, m := range all {
					if shown {
						m.skip(4 * c.bytes)
					}
				}
				waitFor(t, "it has been shown", func() bool { return shown || len(h.monitors.list()) == 0 })
			})
			t.Logf("%d MB take %d MB", c.bytes>>20, took>>20)
			if took > int64(c.most*float64(c.bytes)) {
				t.Errorf("a command of %d bytes takes %d", c.bytes, took)
			}
		})
	}
}

// The size that is charged for a line is the line's.
func TestAMonitorsLineTakesTheBytesThatItSays(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	h := startServer(t, nil)
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
	it := h.everyone()[0]
	for _, args := range [][]string{{"ping"}, {"echo", string(every)}, {"auth", "secret"}, {"hello", "3", "AUTH", "a", "b"}, {"echo", ""}} {
		j := job{typed: []byte(args[0])}
		for _, arg := range args {
			j.call.Args = append(j.call.Args, []byte(arg))
		}
		j.call.Command, _ = command.Lookup(j.call.Args)
		size, build := it.monitorLine(&j)
		if line := build(); int64(len(line)) != size || cap(line) > len(line)+len(line)/8+16 {
			t.Errorf("%q takes %d bytes in %d, not %d", line, len(line), cap(line), size)
		}
	}
}
