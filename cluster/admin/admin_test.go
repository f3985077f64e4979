package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

func expect(t *testing.T, got reply.Value, want string) {
	t.Helper()
	if text(got) != want {
		t.Errorf("got %q, want %q", text(got), want)
	}
}

// Each row that names the node has a function here, and nothing else has.
func TestTheNodeAnswersTheRowsThatNameIt(t *testing.T) {
	a := &Admin{}
	for row := range command.Every {
		if answered := a.commandOf(row.Name) != nil; answered != (row.By == command.ByNode) {
			t.Errorf("%s: answered here %v, and its row says %v", row.Name, answered, row.By == command.ByNode)
		}
	}
}

func TestAFollowerNamesItsLeaderAsMaster(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.status.Leading, w.status.State, w.status.Leader = false, "follower", "n2@1"
	w.status.LastContact = 40 * time.Millisecond
	a := w.admin(t, nil)
	expect(t, do(t, a, "role"), "*5 $5 slave $9 127.0.0.1 :6381 $9 connected :42 ")
	info := string(do(t, a, "info", "replication").Bytes)
	for _, line := range []string{"role:slave", "master_host:127.0.0.1", "master_port:6381", "master_link_status:up", "slave_read_only:0"} {
		if !strings.Contains(info, line+"\r\n") {
			t.Errorf("INFO replication lacks %s:\n%s", line, info)
		}
	}
	w.status.Leader, w.status.Ready = "", false
	expect(t, do(t, a, "role"), "*5 $5 slave $0  :0 $7 connect :42 ")
	if info := string(do(t, a, "info", "replication").Bytes); !strings.Contains(info, "master_link_status:down\r\n") {
		t.Errorf("a node without a leader says\n%s", info)
	}
}

func TestTheLeaderListsThoseThatAnswer(t *testing.T) {
	w := newWorld("n1", "n2", "n3", "n4")
	w.stored["n2@1"] = 40
	delete(w.stored, "n3@1")
	w.servers[3].Reachable = false
	a := w.admin(t, nil)
	expect(t, do(t, a, "role"), "*3 $6 master :42 *1 *3 $9 127.0.0.1 $4 6381 $2 40 ")
	if info := string(do(t, a, "info", "replication").Bytes); !strings.Contains(info,
		"connected_slaves:1\r\nslave0:ip=127.0.0.1,port=6381,state=online,offset=40,lag=0\r\n") {
		t.Errorf("got\n%s", info)
	}
}

func TestAllSlotsBelongToTheLeader(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.status.Leader, w.status.Leading = "n2@1", false
	w.servers[2].Reachable = false
	w.servers[2].ClientAddr = "three.example:6379"
	a := w.admin(t, nil)
	expect(t, do(t, a, "cluster", "slots"), "*1 *4 :0 :16383 "+
		"*4 $9 127.0.0.1 :6381 $40 "+nodeID("n2@1")+" *0 *4 $9 127.0.0.1 :6380 $40 "+nodeID("n1@1")+" *0 ")
	nodes := strings.Split(string(do(t, a, "cluster", "nodes").Bytes[4:]), "\n")
	for i, want := range []string{
		nodeID("n1@1") + " 127.0.0.1:6380@16380 myself,slave " + nodeID("n2@1") + " 0 0 3 connected",
		nodeID("n2@1") + " 127.0.0.1:6381@16381 master - 0 0 3 connected 0-16383",
		nodeID("n3@1") + " three.example:6379@16382 slave,fail? " + nodeID("n2@1") + " 0 0 3 disconnected",
		"",
	} {
		if nodes[i] != want {
			t.Errorf("line %d: got %q, want %q", i, nodes[i], want)
		}
	}
	shards := text(do(t, a, "cluster", "shards"))
	for _, want := range []string{"$5 slots *2 :0 :16383 ", "$8 hostname $13 three.example ", "$6 health $4 fail "} {
		if !strings.Contains(shards, want) {
			t.Errorf("CLUSTER SHARDS lacks %q: %s", want, shards)
		}
	}
	w.status.Leader = ""
	expect(t, do(t, a, "cluster", "slots"), "*0 ")
	if info := string(do(t, a, "cluster", "info").Bytes); !strings.Contains(info, "cluster_state:fail") {
		t.Errorf("without a leader the cluster is said to be well: %s", info)
	}
}

func TestAReplicatedSettingTravelsThroughTheLog(t *testing.T) {
	w := newWorld("n1")
	a := w.admin(t, nil)
	expect(t, do(t, a, "config", "set", "Timeout", "5", "proto-max-bulk-len", "2mb"), "+OK ")
	if value, _ := w.values.Get("proto-max-bulk-len"); value != "2097152" || w.tuned["timeout"] != "5" {
		t.Errorf("the machine has %q, the node %q", value, w.tuned["timeout"])
	}
	expect(t, do(t, a, "config", "get", "proto-max-bulk-len", "timeout"), "*4 $18 proto-max-bulk-len $7 2097152 $7 timeout $1 5 ")
}

func TestAFailedConfigSetLeavesNothingBehind(t *testing.T) {
	w := newWorld("n1")
	a := w.admin(t, nil)
	w.written = reply.Err("UNCERTAIN the write may or may not have been applied")
	expect(t, do(t, a, "config", "set", "timeout", "5", "proto-max-bulk-len", "2mb"), "-UNCERTAIN the write may or may not have been applied ")
	if w.tuned["timeout"] != "0" {
		t.Errorf("the node's own setting stays at %q", w.tuned["timeout"])
	}
	w.written, w.refuse = reply.Value{}, "maxclients"
	expect(t, do(t, a, "config", "set", "timeout", "9", "maxclients", "7"),
		"-ERR CONFIG SET failed (possibly related to argument 'maxclients') - the system says no ")
	expect(t, do(t, a, "config", "get", "timeout", "maxclients"), "*4 $7 timeout $1 0 $10 maxclients $5 10000 ")
}

// Without a majority, what is replicated waits for the whole write time-out. What
// is this node's own does not wait for it, and stays when that fails.
func TestANodesOwnSettingsDoNotWaitForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("n1")
		a := w.admin(t, nil)
		w.written = reply.Err("CLUSTERDOWN no majority")
		w.writing = func() { time.Sleep(20 * time.Second) }
		call := call(t, "config", "set", "proto-max-bulk-len", "2mb", "timeout", "5", "maxclients", "7")
		go a.Run(t.Context(), call)
		synctest.Wait()
		began := time.Now()
		expect(t, do(t, a, "config", "set", "timeout", "9"), "+OK ")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waited for %v", waited)
		}
		w.writing = nil
		time.Sleep(time.Minute)
		expect(t, do(t, a, "config", "get", "timeout", "maxclients"), "*4 $7 timeout $1 9 $10 maxclients $5 10000 ")
		if w.tuned["timeout"] != "9" || w.tuned["maxclients"] != "10000" {
			t.Errorf("the node obeys %v", w.tuned)
		}
	})
}

// Each CONFIG SET takes back what it has set itself, whatever the others' values are and in
// whichever order they end.
func TestAFailedConfigSetTakesBackWhatItHasSetItself(t *testing.T) {
	const fails, holds = "fails", "holds"
	type end struct{ which, how string }
	for name, c := range map[string]struct {
		values []string // of timeout, which is 0 at first, one after the other; each waits for the log
		ends   []end
		want   string
	}{
		"the same value holds":            {[]string{"1", "1"}, []end{{"0", fails}, {"1", holds}}, "1"},
		"the same value held before":      {[]string{"1", "1"}, []end{{"1", holds}, {"0", fails}}, "1"},
		"both fail in order":              {[]string{"1", "2"}, []end{{"0", fails}, {"1", fails}}, "0"},
		"both fail in reverse":            {[]string{"1", "2"}, []end{{"1", fails}, {"0", fails}}, "0"},
		"the later fails":                 {[]string{"1", "2"}, []end{{"0", holds}, {"1", fails}}, "1"},
		"the later fails first":           {[]string{"1", "2"}, []end{{"1", fails}, {"0", holds}}, "1"},
		"the earlier fails":               {[]string{"1", "2"}, []end{{"0", fails}, {"1", holds}}, "2"},
		"the one between holds":           {[]string{"1", "2", "3"}, []end{{"0", fails}, {"1", holds}, {"2", fails}}, "2"},
		"the outer ones return to it":     {[]string{"1", "2", "1"}, []end{{"2", fails}, {"0", fails}, {"1", fails}}, "0"},
		"a value that fails comes again":  {[]string{"1", "2", "1"}, []end{{"0", fails}, {"1", fails}, {"2", holds}}, "1"},
		"the first value is set on top":   {[]string{"1", "0"}, []end{{"0", fails}, {"1", holds}}, "0"},
		"all fail, the one between first": {[]string{"1", "2", "3"}, []end{{"1", fails}, {"0", fails}, {"2", fails}}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("n1")
				a := w.admin(t, nil)
				releases := map[string]chan struct{}{}
				for i, value := range c.values {
					release := make(chan struct{})
					releases[fmt.Sprint(i)] = release
					w.writing = func() { <-release }
					call := call(t, "config", "set", "proto-max-bulk-len", "2mb", "timeout", value)
					go a.Run(t.Context(), call)
					synctest.Wait()
				}
				for _, e := range c.ends {
					w.written = reply.Value{}
					if e.how == fails {
						w.written = reply.Err("CLUSTERDOWN no majority")
					}
					close(releases[e.which])
					synctest.Wait()
				}
				expect(t, do(t, a, "config", "get", "timeout"), "*2 $7 timeout $1 "+c.want+" ")
				if w.tuned["timeout"] != c.want {
					t.Errorf("the node obeys %q, want %q", w.tuned["timeout"], c.want)
				}
			})
		})
	}
}

func TestSnapshotsAreTakenOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("n1")
		a := w.admin(t, nil)
		release := make(chan struct{})
		w.snapshot = func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		expect(t, do(t, a, "bgsave"), "+Background saving started ")
		expect(t, do(t, a, "bgsave", "schedule"), "-ERR Background save already in progress ")
		expect(t, do(t, a, "save"), "-ERR Background save already in progress ")
		close(release)
		synctest.Wait()
		expect(t, do(t, a, "save"), "+OK ")
		w.status.Snapshot.Running = true
		expect(t, do(t, a, "bgsave"), "-ERR Background save already in progress ")
		w.status.Snapshot = SnapshotStatus{TakenAt: time.Unix(start+5, 0)}
		expect(t, do(t, a, "lastsave"), ":1700000005 ")
		w.snapshot = func(context.Context) error { return errors.New("disk\nfull") }
		expect(t, do(t, a, "save"), "-ERR snapshot failed: disk full ")
	})
}

func TestCloseEndsABackgroundSave(t *testing.T) {
	w := newWorld("n1")
	a := w.admin(t, nil)
	w.snapshot = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	do(t, a, "bgsave")
	a.Close()
	expect(t, do(t, a, "bgsave"), "-ERR Background save already in progress ")
}

func TestShutdownStopsTheProcessOnce(t *testing.T) {
	w := newWorld("n1")
	a := w.admin(t, nil)
	do(t, a, "shutdown")
	do(t, a, "shutdown", "NOSAVE", "now")
	if len(w.stopped) != 2 || w.stopped[0] || !w.stopped[1] || w.snapshots != 0 {
		t.Errorf("stops %v, %d snapshots", w.stopped, w.snapshots)
	}
	w.snapshot = func(context.Context) error { return errors.New("disk full") }
	expect(t, do(t, a, "shutdown", "save"), "-ERR Errors trying to SHUTDOWN. Check logs. ")
	if len(w.stopped) != 2 {
		t.Error("it stopped although the snapshot failed")
	}
	do(t, a, "shutdown", "save", "force")
	if len(w.stopped) != 3 {
		t.Error("FORCE did not stop it")
	}
}

func TestWaitCountsNodesThatHaveStoredTheIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("n1", "n2", "n3")
		w.stored["n3@1"] = 41
		a := w.admin(t, nil)
		expect(t, do(t, a, "wait", "1", "0"), ":1 ")
		began := time.Now()
		expect(t, do(t, a, "wait", "2", "500"), ":1 ")
		if took := time.Since(began); took < 500*time.Millisecond || took > 700*time.Millisecond {
			t.Errorf("it waited for %v", took)
		}
		time.AfterFunc(3*time.Second, func() {
			w.mu.Lock()
			w.stored["n3@1"] = 43
			w.mu.Unlock()
		})
		expect(t, do(t, a, "wait", "2", "0"), ":2 ")
	})
}

func TestDebugSleepStallsTheMachine(t *testing.T) {
	w := newWorld("n1")
	a := w.admin(t, nil)
	expect(t, do(t, a, "debug", "sleep", "1.5"), "+OK ")
	if w.stalled != 1500*time.Millisecond {
		t.Errorf("stalled for %v", w.stalled)
	}
}

func TestComponentsFillInTheirFields(t *testing.T) {
	w := newWorld("n1")
	w.counters = map[string][][2]string{
		"clients":      {{"connected_clients", "7"}, {"blocked_clients", "1"}},
		"commandstats": {{"cmdstat_get", "calls=1"}},
	}
	a := w.admin(t, nil)
	info := string(do(t, a, "info", "clients", "commandstats").Bytes)
	if want := "txt:# Clients\r\nconnected_clients:7\r\nblocked_clients:1\r\nmaxclients:10000\r\n\r\n# Commandstats\r\ncmdstat_get:calls=1\r\n"; info != want {
		t.Errorf("got %q\nwant %q", info, want)
	}
	expect(t, do(t, a, "config", "resetstat"), "+OK ")
	if w.resets != 1 {
		t.Errorf("reset %d times", w.resets)
	}
}

func TestRaftStatusReadsAsAMap(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.servers[2].Voter = false
	delete(w.stored, "n3@1")
	w.servers[1].Heard, w.servers[1].RTT, w.servers[1].Skew = true, 1500*time.Microsecond, -20*time.Millisecond
	w.status.Snapshot.Installed, w.status.Snapshot.Again = 3, 2
	status := text(do(t, w.admin(t, nil), "raft", "status"))
	for _, want := range []string{"$2 id $4 n1@1 ", "$5 state $6 leader ", "$4 term :3 ", "$13 applied-index :42 ",
		"$8 suffrage $8 nonvoter ", "$12 stored-index $-1 ", "$13 round-trip-ms $5 1.500 $13 clock-skew-ms $7 -20.000 ",
		"$19 snapshots-installed :3 $25 snapshots-installed-again :2 ", "$9 log-store $4 bolt "} {
		if !strings.Contains(status, want) {
			t.Errorf("RAFT STATUS lacks %q: %s", want, status)
		}
	}
}

func TestHelpListsItself(t *testing.T) {
	a := newWorld("n1").admin(t, nil)
	for _, name := range []string{"config", "memory", "cluster", "raft", "debug"} {
		v := do(t, a, name, "help")
		if first := string(v.Elems[0].Bytes); first != strings.ToUpper(name)+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" {
			t.Errorf("%s HELP begins with %q", name, first)
		}
		if last := string(v.Elems[len(v.Elems)-1].Bytes); last != "    Prints this help." {
			t.Errorf("%s HELP ends with %q", name, last)
		}
	}
}

func TestEveryChangeOfTheMembersCanBeAskedFor(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	a := w.admin(t, nil)
	for _, c := range []struct{ line, asked string }{
		{"raft add host:16379", "invite host:16379 true"},
		{"raft add host:16379 nonVoter", "invite host:16379 false"},
		{"raft remove n2", "remove n2 false"},
		{"raft remove n2@1 FORCE", "remove n2@1 true"},
		{"raft remove " + nodeID("n3@1"), "remove n3@1 false"},
		{"raft promote n2", "promote n2"},
		{"raft demote n2", "demote n2 false"},
		{"raft demote n2 force", "demote n2 true"},
		{"raft transfer", "transfer "},
		{"raft transfer n3", "transfer n3"},
		{"cluster meet 10.0.0.7 6379", "invite 10.0.0.7:16379 true"},
		{"cluster meet ::1 6379", "invite [::1]:16379 true"},
		{"cluster meet host 6379 7000", "invite host:7000 true"},
		{"cluster forget " + nodeID("n3@1"), "remove n3@1 false"},
		{"failover", "transfer "},
		{"failover to 127.0.0.1 6382", "transfer n3@1"},
		{"failover to 127.0.0.1 6382 force timeout 500", "transfer n3@1"},
	} {
		w.changes = nil
		expect(t, do(t, a, strings.Fields(c.line)...), "+OK ")
		if len(w.changes) != 1 || w.changes[0] != c.asked {
			t.Errorf("%s: asked for %q, want %q", c.line, w.changes, c.asked)
		}
	}
	w.changes = nil
	for _, line := range []string{"raft remove n2 now", "raft demote n2 force force", "raft transfer a b", "raft add host:1 voter"} {
		expect(t, do(t, a, strings.Fields(line)...), "-ERR syntax error ")
	}
	for _, line := range []string{"raft add host", "raft add :1", "raft add host:0", "raft add host:70000"} {
		if got := text(do(t, a, strings.Fields(line)...)); !strings.HasPrefix(got, "-ERR '") || !strings.Contains(got, "is not of the form host:port") {
			t.Errorf("%s: %s", line, got)
		}
	}
	if len(w.changes) > 0 {
		t.Errorf("what was refused was asked for: %q", w.changes)
	}
}

func TestARefusedChangeSaysWhyAndAnUnknownOneSaysThat(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	a := w.admin(t, nil)
	w.change = func(context.Context) error {
		return fmt.Errorf("ask n1: %w", &cluster.Refused{Text: "two of\nthree would remain; FORCE goes on"})
	}
	expect(t, do(t, a, "raft", "remove", "n2"), "-ERR two of three would remain; FORCE goes on ")
	w.change = func(context.Context) error { return errors.New("the connection broke") }
	if got := text(do(t, a, "raft", "promote", "n2")); !strings.HasPrefix(got, "-UNCERTAIN the change may or may not be made") || !strings.Contains(got, "the connection broke") {
		t.Errorf("got %s", got)
	}
	synctest.Test(t, func(t *testing.T) {
		w.change = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		a := w.admin(t, nil)
		begun := time.Now()
		if got := text(do(t, a, "raft", "promote", "n2")); !strings.HasPrefix(got, "-UNCERTAIN ") || time.Since(begun) != changeTimeout {
			t.Errorf("after %v: %s", time.Since(begun), got)
		}
	})
}

func TestLeadershipIsMovedOnlyToWhereItCanGo(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.status.Leading, w.status.State, w.status.Leader = false, "follower", "n2@1"
	a := w.admin(t, nil)
	expect(t, do(t, a, "failover"), "-ERR FAILOVER is not valid when server is a replica. ")
	expect(t, do(t, a, "cluster", "failover"), "+OK ")
	expect(t, do(t, a, "cluster", "failover", "TakeOver"), "+OK ")
	if got := strings.Join(w.changes, ", "); got != "transfer n1@1, transfer n1@1" {
		t.Errorf("asked for %s", got)
	}
	w.servers[0].Voter = false
	if got := text(do(t, a, "cluster", "failover", "force")); !strings.Contains(got, "RAFT PROMOTE n1") {
		t.Errorf("a node without a vote answers %s", got)
	}
	w.status.Leader = ""
	if got := text(do(t, a, "cluster", "failover")); !strings.HasPrefix(got, "-ERR I'm a replica but my master is unknown to me") {
		t.Errorf("without a leader: %s", got)
	}
}

func TestAFailoverCanBeAbortedAndTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("n1", "n2", "n3")
		w.change = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		a := w.admin(t, nil)
		begun := time.Now()
		expect(t, do(t, a, "failover", "timeout", "300"), "-"+string(errFailoverLate)+" ")
		if took := time.Since(begun); took != 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		answered := make(chan reply.Value, 1)
		go func() { answered <- do(t, a, "failover") }()
		synctest.Wait()
		expect(t, do(t, a, "failover"), "-ERR FAILOVER already in progress. ")
		if info := string(do(t, a, "info", "replication").Bytes); !strings.Contains(info, "master_failover_state:failover-in-progress\r\n") {
			t.Errorf("INFO does not know of it:\n%s", info)
		}
		expect(t, do(t, a, "failover", "abort"), "+OK ")
		expect(t, <-answered, "-"+string(errFailoverAborted)+" ")
		expect(t, do(t, a, "failover", "abort"), "-ERR No failover in progress. ")
	})
}

func TestANonVoterIsAReplicaThatNeverLeads(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.servers[2].Voter = false
	w.stored["n3@1"] = 41
	a := w.admin(t, nil)
	w.servers[1].NeverLeads = true // as if it had no vote
	nodes := string(do(t, a, "cluster", "nodes").Bytes)
	if strings.Count(nodes, " slave,nofailover "+nodeID("n1@1")) != 2 {
		t.Errorf("CLUSTER NODES says\n%s", nodes)
	}
	if slots := text(do(t, a, "cluster", "slots")); !strings.Contains(slots, nodeID("n3@1")) {
		t.Errorf("CLUSTER SLOTS leaves it out: %s", slots)
	}
	if shards := text(do(t, a, "cluster", "shards")); strings.Contains(shards, "loading") {
		t.Errorf("CLUSTER SHARDS says that one that is a little behind is loading: %s", shards)
	}
	w.status.AppliedIndex = 42 + loadingLag
	if shards := text(do(t, a, "cluster", "shards")); !strings.Contains(shards, "$6 health $7 loading ") {
		t.Errorf("CLUSTER SHARDS says that one that is far behind is well: %s", shards)
	}
}

func TestLinksAreListed(t *testing.T) {
	w := newWorld("n1", "n2")
	w.links = []Link{{Server: "n2@1", Outgoing: true, Since: time.UnixMilli(5), QueuedBytes: 7, BufferBytes: 9}, {Server: "n2@1", Since: time.UnixMilli(6)}}
	expect(t, do(t, w.admin(t, nil), "cluster", "links"),
		"*2 *12 $9 direction $2 to $4 node $40 "+nodeID("n2@1")+" $11 create-time :5 $6 events $2 rw $21 send-buffer-allocated :9 $16 send-buffer-used :7 "+
			"*12 $9 direction $4 from $4 node $40 "+nodeID("n2@1")+" $11 create-time :6 $6 events $1 r $21 send-buffer-allocated :0 $16 send-buffer-used :0 ")
}

func TestRaftDigestShowsWhoAgreesWithWhom(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	a := w.admin(t, nil)
	if got := text(do(t, a, "raft", "digest")); !strings.HasPrefix(got, "-CLUSTERDOWN no leader took the question") {
		t.Errorf("without a leader: %s", got)
	}
	for _, line := range []string{"raft digest now", "raft digest full full"} {
		expect(t, do(t, a, strings.Fields(line)...), "-ERR syntax error ")
	}
	of := func(verdicts ...cluster.Verdict) func(bool) cluster.DigestReport {
		return func(whole bool) cluster.DigestReport {
			r := cluster.DigestReport{Index: 42}
			for i, v := range verdicts {
				d := cluster.ServerDigest{Server: w.servers[i].Server, Verdict: v, Capture: cluster.Capture{Version: 1, Index: 42, Hash: 0xabc, Whole: whole, Digest: [20]byte{1}}}
				if v == cluster.Inconclusive {
					d.Capture, d.Err = cluster.Capture{}, errors.New("no\nanswer")
				}
				r.Servers = append(r.Servers, d)
			}
			return r
		}
	}
	for _, c := range []struct {
		found  func(bool) cluster.DigestReport
		result string
	}{
		{of(cluster.Agrees, cluster.Agrees, cluster.Agrees), "all nodes agree"},
		{of(cluster.Agrees, cluster.Agrees, cluster.Diverged), "a majority agrees; different: n3"},
		{of(cluster.Agrees, cluster.Diverged, cluster.Inconclusive), "a majority agrees; different: n2; not compared: n3"},
		{of(cluster.Agrees, cluster.Agrees, cluster.Inconclusive), "all that could be compared agree; not compared: n3"},
		{of(cluster.Split, cluster.Split, cluster.Split), "the nodes differ, and no majority agrees"},
		{of(cluster.Inconclusive, cluster.Inconclusive, cluster.Inconclusive), "too few nodes have answered to say"},
	} {
		w.digest = c.found
		if got := string(do(t, a, "raft", "digest").Elems[3].Bytes); got != c.result {
			t.Errorf("%q, want %q", got, c.result)
		}
	}
	w.digest = of(cluster.Agrees, cluster.Diverged, cluster.Inconclusive)
	full := text(do(t, a, "raft", "digest", "FULL"))
	for _, want := range []string{":42", "0000000000000abc", "0100000000000000000000000000000000000000", "differs", "no answer", "unknown", "voter", "n2@1"} {
		if !strings.Contains(full, want) {
			t.Errorf("RAFT DIGEST FULL lacks %q: %s", want, full)
		}
	}
	if hash := text(do(t, a, "raft", "digest")); strings.Contains(hash, "01000000") {
		t.Errorf("RAFT DIGEST shows a digest that nobody asked for: %s", hash)
	}
}

func TestInfoTellsOfADivergence(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.status.Alarm = AlarmStatus{State: "diverged", Reason: "this node has diverged (at\nindex 7)", Captured: 9, Agreed: 6, Comparisons: 5}
	info := text(do(t, w.admin(t, nil), "info", "raft"))
	for _, want := range []string{"raft_divergence:diverged ", "raft_divergence_reason:this node has diverged (at index 7) ",
		"raft_digest_captured_index:9 ", "raft_digest_agreed_index:6 ", "raft_digest_comparisons:5 "} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO raft lacks %q: %s", want, info)
		}
	}
}
