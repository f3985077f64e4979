package resp

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/fsm/reply"
)

func TestIdsAreUniqueInTheClusterAndMissingUntilItIsJoined(t *testing.T) {
	var base atomic.Uint64
	h := startServer(t, func(o *Options) {
		o.ClientIDBase = func(context.Context) (uint64, reply.Value) {
			if id := base.Load(); id != 0 {
				return id, reply.Value{}
			}
			return 0, reply.Err("LOADING it starts")
		}
	})
	c := h.dial(t)
	for _, line := range []string{"CLIENT ID", "HELLO", "HELLO 3", "CLIENT INFO", "CLIENT LIST", "CLIENT KILL ID 1"} {
		c.exchange(line+"\r\n", "-LOADING it starts\r\n")
	}
	c.exchange("PING\r\nCLIENT SETNAME x\r\n", "+PONG\r\n+OK\r\n")
	base.Store(7 << 32)
	c.exchange("CLIENT ID\r\n", fmt.Sprintf(":%d\r\n", 7<<32+1))
	second := h.dial(t)
	second.exchange("CLIENT ID\r\n", fmt.Sprintf(":%d\r\n", 7<<32+2))
	second.exchange(fmt.Sprintf("CLIENT KILL ID %d\r\n", 7<<32+1), ":1\r\n")
	c.expectEnd()
}

func TestClientsAreListedAndKilledByFilter(t *testing.T) {
	h := startServer(t, nil)
	a, b := h.dial(t), h.dial(t)
	a.exchange("CLIENT SETNAME alice\r\nSELECT 3\r\nGET x\r\n", "+OK\r\n+OK\r\n$-1\r\n")
	b.exchange("HELLO 3\r\nGET x\r\n", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"+
		"$2\r\nid\r\n:2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n_\r\n")
	var lines []string
	for _, c := range h.everyone() {
		id, _ := c.id()
		lines = append(lines, c.line(id))
	}
	for i, want := range [][]string{
		{"id=1 addr=" + a.LocalAddr().String() + " laddr=" + h.addr + " fd=", " name=alice age=0 idle=0 flags=N db=3 ", " cmd=get user=default redir=-1 resp=2"},
		{"id=2 addr=" + b.LocalAddr().String() + " laddr=" + h.addr + " fd=", " name= age=0 idle=0 flags=N db=0 ", " cmd=get user=default redir=-1 resp=3"},
	} {
		for _, part := range want {
			if !strings.Contains(lines[i], part) {
				t.Errorf("%q lacks %q", lines[i], part)
			}
		}
	}
	me := h.dial(t)
	me.exchange("CLIENT KILL ADDR "+a.LocalAddr().String()+" ID 2\r\n", ":0\r\n")
	me.exchange("CLIENT KILL ADDR "+a.LocalAddr().String()+" TYPE pubsub\r\n", ":0\r\n")
	me.exchange("CLIENT KILL ADDR "+a.LocalAddr().String()+" USER default ID 1\r\n", ":1\r\n")
	a.expectEnd()
	me.exchange("CLIENT KILL "+b.LocalAddr().String()+"\r\n", "+OK\r\n")
	b.expectEnd()
	waitFor(t, "only one is left", func() bool { return len(h.everyone()) == 1 })
	me.exchange("CLIENT KILL TYPE normal\r\n", ":0\r\n")
	me.exchange("CLIENT KILL LADDR "+h.addr+" SKIPME no\r\nPING\r\n", ":1\r\n")
	me.expectEnd()
}

// What is listed is what has arrived and is not parsed; a client that waits for nothing has none.
func TestTheListTellsWhatIsNotParsed(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("PING\r\nPING\r\n", "+PONG\r\n+PONG\r\n")
	it := h.everyone()[0]
	waitFor(t, "nothing is left", func() bool { return listed(it, "qbuf") == 0 })
	c.exchange("PING\r\n*2\r\n$4\r\nECHO\r\n$10\r\n12345", "+PONG\r\n")
	waitFor(t, "half a string has arrived", func() bool { return listed(it, "qbuf") == 5 })
	c.exchange("67890\r\n", "$10\r\n1234567890\r\n")
	waitFor(t, "nothing is left", func() bool { return listed(it, "qbuf") == 0 })
	c.send("*2\r\n$4\r\nECHO\r\n$100000\r\n" + strings.Repeat("x", 50_000))
	waitFor(t, "half a large string has arrived", func() bool { return listed(it, "qbuf") == 50_000 })
	if rbs, rbp := listed(it, "rbs"), listed(it, "rbp"); rbs != 0 || rbp != 0 {
		t.Errorf("rbs=%d rbp=%d, of which there is nothing", rbs, rbp)
	}
}

func TestAKilledClientsCommandIsGivenUp(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.send("WAIT 1 0\r\n")
	waitFor(t, "it runs", func() bool { return h.inState(blocked) == 1 })
	h.dial(t).exchange("CLIENT KILL ID 1\r\n", ":1\r\n")
	c.expectEnd()
	waitFor(t, "it is given up", func() bool { return h.inState(blocked) == 0 })
}

func TestALibrarysNameIsTaken(t *testing.T) {
	c := startServer(t, nil).dial(t)
	c.exchange("CLIENT SETINFO LIB-NAME go\r\nCLIENT SETINFO lib-ver 1.2\r\nCLIENT SETINFO lib-ver \"1 2\"\r\nCLIENT SETINFO foo x\r\n",
		"+OK\r\n+OK\r\n-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n-ERR Unrecognized option 'foo'\r\n")
}

func TestAPasswordCanBeSetAndTakenAway(t *testing.T) {
	h := startServer(t, nil)
	before := h.dial(t)
	before.exchange("PING\r\n", "+PONG\r\n")
	h.SetPassword("pw")
	before.exchange("PING\r\n", "+PONG\r\n")
	after := h.dial(t)
	after.exchange("PING\r\nAUTH x\r\nAUTH pw\r\nPING\r\n", "-NOAUTH Authentication required.\r\n"+
		"-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n+PONG\r\n")
	h.SetPassword("")
	h.dial(t).exchange("PING\r\n", "+PONG\r\n")
}

func TestCommandsAreTimedAsLongAsTrackingIsOn(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	get := func() { c.exchange("GET a\r\nGET a\r\n", "$-1\r\n$-1\r\n") }
	shown := func() string { return fmt.Sprint(h.InfoFields("latencystats")) }
	get()
	if form := regexp.MustCompile(`^\[\[latency_percentiles_usec_get p50=\d+\.000,p99=\d+\.000,p99\.9=\d+\.000\]\]$`); !form.MatchString(shown()) {
		t.Errorf("latencystats are %s", shown())
	}
	h.SetLatencyPercentiles([]float64{100})
	if form := regexp.MustCompile(`^\[\[latency_percentiles_usec_get p100=\d+\.000\]\]$`); !form.MatchString(shown()) {
		t.Errorf("latencystats are %s", shown())
	}
	h.SetLatencyTracking(false)
	if shown() != "[]" {
		t.Errorf("without tracking they are %s", shown())
	}
	h.ResetStats()
	get()
	h.SetLatencyTracking(true)
	if shown() != "[]" {
		t.Errorf("what ran without tracking is shown: %s", shown())
	}
	get()
	h.ResetStats()
	if shown() != "[]" {
		t.Errorf("after a reset they are %s", shown())
	}
}

func TestWhatClientsDoIsCounted(t *testing.T) {
	h := startServer(t, nil)
	c := h.dial(t)
	c.exchange("SET a 1\r\nSET b 1\r\nGET a\r\nSET a\r\nnope\r\nSELECT 99\r\n", "+OK\r\n+OK\r\n$1\r\n1\r\n"+
		"-ERR wrong number of arguments for 'set' command\r\n-ERR unknown command 'nope', with args beginning with: \r\n-ERR DB index is out of range\r\n")
	find := func(section, name string) string {
		for _, f := range h.InfoFields(section) {
			if f[0] == name {
				return f[1]
			}
		}
		return ""
	}
	for _, want := range [][3]string{
		{"clients", "connected_clients", "1"}, {"clients", "maxclients", "10000"},
		{"stats", "total_connections_received", "1"}, {"stats", "total_commands_processed", "4"}, {"stats", "total_error_replies", "3"},
		{"errorstats", "errorstat_ERR", "count=3"},
	} {
		if got := find(want[0], want[1]); got != want[2] {
			t.Errorf("%s %s is %q, want %q", want[0], want[1], got, want[2])
		}
	}
	if got := find("commandstats", "cmdstat_set"); !strings.HasPrefix(got, "calls=2,usec=") || !strings.HasSuffix(got, ",rejected_calls=0,failed_calls=0") {
		t.Errorf("cmdstat_set is %q", got)
	}
	if got := find("commandstats", "cmdstat_select"); !strings.HasSuffix(got, ",rejected_calls=0,failed_calls=1") {
		t.Errorf("cmdstat_select is %q", got)
	}
	gathered(t, h)
	h.ResetStats()
	if got := h.InfoFields("commandstats"); len(got) != 0 || find("stats", "total_commands_processed") != "0" {
		t.Errorf("after a reset: %v", got)
	}
}

// gathered checks that Prometheus takes the figures.
func gathered(t *testing.T, h *harness) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(h.Collector())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, want := range []string{"kvorum_resp_clients", "kvorum_resp_commands_total", "kvorum_resp_latency_seconds", "kvorum_resp_error_replies_total"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
}

func TestDifferentErrorCodesAreCountedUpToALimit(t *testing.T) {
	var s stats
	s.init()
	for i := range 10 * errorCodesMax {
		s.failed(nil, fmt.Sprint("E", i))
	}
	if n := len(*s.errors.Load()); n != errorCodesMax || s.errorCount.Load() != 10*errorCodesMax {
		t.Errorf("%d codes, %d errors", n, s.errorCount.Load())
	}
}

func TestGoRedisWorksInBothProtocols(t *testing.T) {
	for _, proto := range []int{2, 3} {
		h := startServer(t, func(o *Options) { o.Settings.Password = "pw" })
		client := redis.NewClient(&redis.Options{Addr: h.addr, Protocol: proto, Password: "pw", ClientName: "me", DB: 1})
		defer client.Close()
		ctx := context.Background()
		if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := client.Get(ctx, "k").Result(); got != "v" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if err := client.Get(ctx, "none").Err(); err != redis.Nil {
			t.Fatal(err)
		}
		replies, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 1000 {
				p.Set(ctx, fmt.Sprint("k", i), i, 0)
			}
			return nil
		})
		if err != nil || len(replies) != 1000 {
			t.Fatalf("%d replies, %v", len(replies), err)
		}
		if got, err := client.ClientInfo(ctx).Result(); err != nil || got.Name != "me" || got.DB != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}
