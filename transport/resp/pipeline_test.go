package resp

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// conversation sends lines as one pipeline and expects the replies' lines.
func conversation(c *wire, lines, replies string) {
	c.t.Helper()
	c.exchange(strings.ReplaceAll(lines, "|", "\r\n")+"\r\n", strings.ReplaceAll(replies, "|", "\r\n")+"\r\n")
}

func TestAPipelineCostsFewCallsInTheRightOrder(t *testing.T) {
	for _, c := range []struct{ name, lines, replies, calls string }{
		{"reads are confirmed together", "GET a|GET b|PING|GET a", "$-1|$-1|+PONG|$-1", "read get,a get,b get,a"},
		{"writes take the reads between them along", "GET a|SET a 1|GET a|SET b 2|GET b|GET a",
			"$-1|+OK|$1|1|+OK|$1|2|$1|1", "read get,a; write set,a,1 get,a set,b,2; read get,b get,a"},
		{"reads that may be large share no entry with writes", "SET a 1|GETRANGE a 0 9|GETRANGE a 0 9|SET b 2|SET c 3|GET a|GETRANGE a 0 9|GET b",
			"+OK|-ERR the fake machine has no getrange|-ERR the fake machine has no getrange|+OK|+OK|$1|1|-ERR the fake machine has no getrange|$1|2",
			"write set,a,1; read getrange,a,0,9; read getrange,a,0,9; write set,b,2 set,c,3; read get,a; read getrange,a,0,9 get,b"},
		{"only writes", "SET a 1|SET a 2", "+OK|+OK", "write set,a,1 set,a,2"},
		{"a database is chosen for what follows", "SET a 1|SELECT 2|GET a|SELECT 0|GET a", "+OK|+OK|$-1|+OK|$1|1",
			"write set,a,1; read get,a get,a"},
		{"nothing runs after QUIT", "SET a 1|QUIT|SET a 2", "+OK|+OK", "write set,a,1"},
		{"nothing runs after a protocol error", "SET a 1|*x|SET a 2", "+OK|-ERR Protocol error: invalid multibulk length", "write set,a,1"},
		{"an error does not stop the others", "SET a 1|nope|SET a|GET a",
			"+OK|-ERR unknown command 'nope', with args beginning with: |-ERR wrong number of arguments for 'set' command|$1|1", "write set,a,1; read get,a"},
		{"each reply is of its time's protocol", "GET x|HELLO 3 FOO|HELLO 2 SETNAME|GET x",
			"$-1|-ERR Syntax error in HELLO option 'FOO'|-ERR Syntax error in HELLO option 'SETNAME'|$-1", "read get,x get,x"},
		{"muted commands run", "CLIENT REPLY SKIP|SET a 1|GET a", "$1|1", "write set,a,1; read get,a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startServer(t, nil)
			h.note = true
			conversation(h.dial(t), c.lines, c.replies)
			h.fakeMachine.mu.Lock()
			defer h.fakeMachine.mu.Unlock()
			if got := strings.Join(h.trace, "; "); got != c.calls {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}

func TestTheNodesCommandsWaitForWhatStandsBeforeThem(t *testing.T) {
	h := startServer(t, nil)
	h.note = true
	conversation(h.dial(t), "SET a 1|CONFIG GET x|GET a|ROLE|SET a 2", "+OK|*2|$1|x|$0||$1|1|$4|role|+OK")
	want := "write set,a,1; run config|get; read get,a; run role; write set,a,2"
	if got := strings.Join(h.trace, "; "); got != want {
		t.Errorf("calls %q, want %q", got, want)
	}
}

// Replies that are ready do not wait for a command behind them.
func TestAReplyThatIsReadyWaitsForNoCommandBehindIt(t *testing.T) {
	for _, c := range []struct{ name, holdsUp, send, ready, rest string }{
		{"a command of the node's", "role", "PING|SET a 1|GET a|ROLE|PING", "+PONG|+OK|$1|1|", "$4|role|+PONG|"},
		{"a write behind the connection's own", "set", "PING|SET a 1|PING", "+PONG|", "+OK|+PONG|"},
		{"a write behind reads", "set", "GET a|GET a|SET a 1|GET a", "$-1|$-1|", "+OK|$1|1|"},
		{"a read behind writes", "get", "SET a 1|SET a 2|GET a", "+OK|+OK|", "$1|2|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startServer(t, nil)
			arrived, release := h.holdUp(c.holdsUp)
			release = sync.OnceFunc(release)
			defer release()
			client := h.dial(t)
			client.SetDeadline(time.Now().Add(5 * time.Second))
			client.send(strings.ReplaceAll(c.send, "|", "\r\n") + "\r\n")
			<-arrived
			client.expect(strings.ReplaceAll(c.ready, "|", "\r\n"))
			release()
			client.expect(strings.ReplaceAll(c.rest, "|", "\r\n"))
		})
	}
}

func TestALongPipelineIsAnsweredInOrder(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	var send, want strings.Builder
	for i := range 20000 {
		value := strings.Repeat("v", i%97)
		send.WriteString(multibulk("SET", "k", value) + multibulk("GET", "k"))
		want.WriteString("+OK\r\n" + "$" + field("", int64(len(value)))[1] + "\r\n" + value + "\r\n")
	}
	go c.Write([]byte(send.String()))
	c.expect(want.String())
}

func TestLargeRepliesOfAllShapesArriveWhole(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	var want strings.Builder
	for i, size := range []int{0, 1, directBytesMin - 1, directBytesMin, outputBytesMax, outputWriteBytesMax + 1, 3 << 20} {
		key := string(rune('a' + i))
		value := strings.Repeat(key, size)
		c.exchange(multibulk("SET", key, value), "+OK\r\n")
		want.WriteString("$" + field("", int64(size))[1] + "\r\n" + value + "\r\n")
	}
	c.exchange("MGET a b c d e f g\r\nPING\r\n", "*7\r\n"+want.String()+"+PONG\r\n")
	c.exchange("GET a\r\nGET b\r\nGET c\r\nGET d\r\nGET e\r\nGET f\r\nGET g\r\nPING\r\n", want.String()+"+PONG\r\n")
}

func TestShutdownIsAnsweredByTheEndOfTheConnection(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("PING\r\nSHUTDOWN\r\nPING\r\n", "+PONG\r\n")
	c.expectEnd()
}

func TestACommandThatNobodyAnswersIsRefusedByName(t *testing.T) {
	startServer(t, nil).dial(t).exchange("LASTSAVE\r\n", "-ERR command 'lastsave' is not yet supported by Kvorum\r\n")
}

// Reads of a READONLY connection are the node's own, also in a pipeline that
// changes its mind; writes go where they always go.
func TestReadonlyReadsAreTheNodesOwn(t *testing.T) {
	h := startServer(t, nil)
	h.note = true
	c := h.dial(t)
	c.exchange("GET a\r\nREADONLY\r\nGET b\r\nGET c\r\nSET d 1\r\nGET d\r\nREADWRITE\r\nGET e\r\nASKING\r\nREADONLY\r\nGET f\r\nRESET\r\nGET g\r\n",
		"$-1\r\n+OK\r\n$-1\r\n$-1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$-1\r\n+RESET\r\n$-1\r\n")
	h.fakeMachine.mu.Lock()
	defer h.fakeMachine.mu.Unlock()
	want := []string{"read get,a", "local get,b get,c", "write set,d,1", "local get,d", "read get,e", "local get,f", "read get,g"}
	if !slices.Equal(h.trace, want) {
		t.Errorf("the executor was called\n %q, want\n %q", h.trace, want)
	}
}

func TestAReadonlyConnectionIsMarkedInTheList(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("READONLY\r\n", "+OK\r\n")
	list := func() string {
		return h.everyone()[0].line(1)
	}
	if got := list(); !strings.Contains(got, " flags=r ") {
		t.Errorf("READONLY: %s", got)
	}
	c.exchange("CLIENT NO-EVICT on\r\n", "+OK\r\n")
	if got := list(); !strings.Contains(got, " flags=re ") {
		t.Errorf("and NO-EVICT: %s", got)
	}
	c.exchange("RESET\r\n", "+RESET\r\n")
	if got := list(); strings.Contains(got, " flags=r") {
		t.Errorf("after RESET: %s", got)
	}
}
