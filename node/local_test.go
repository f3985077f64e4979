package node

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

func readLocal(n *Node, words ...string) reply.Value {
	c := call(words...)
	n.ReadLocal(context.Background(), []*command.Call{c})
	return c.Reply
}

// A follower that is cut off continues to answer local reads from what it has, and refuses other
// reads, as long as no age limit is set.
func TestACutOffFollowerAnswersLocalReadsOnly(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		l.want(write(f, "set", "k", "old"), reply.OK)
		l.isolate(f.cfg.Session.Server, true)
		l.want(write(leader, "set", "k", "new"), reply.OK)
		time.Sleep(time.Minute)
		begun := time.Now()
		l.want(readLocal(f, "get", "k"), reply.Text("old"))
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("a local read waited for %v", waited)
		}
		l.want(read(f, "get", "k"), reply.Err(ErrUnconfirmed.RESP))
		l.want(readLocal(leader, "get", "k"), reply.Text("new"))
		l.isolate(f.cfg.Session.Server, false)
		l.eventually("the follower has what it missed", func() bool {
			return string(readLocal(f, "get", "k").Bytes) == "new"
		})
	})
}

// With a bound, local reads are confirmed again when the last confirmation is that old, and
// refused if nobody confirms.
func TestLocalReadsAreNeverOlderThanTheBound(t *testing.T) {
	const bound = 300 * time.Millisecond
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader, f := l.leader(), l.followers()[0]
		f.SetStaleReadMax(bound)
		for i := range 200 {
			value := strconv.Itoa(i)
			l.want(write(leader, "set", "k", value), reply.OK)
			written := time.Now()
			time.Sleep(bound/3 + time.Duration(i)*time.Millisecond)
			got := readLocal(f, "get", "k")
			if n, err := strconv.Atoi(string(got.Bytes)); err != nil || n < i && time.Since(written) > bound {
				t.Fatalf("%v after %s was written: %q", time.Since(written), value, got.Bytes)
			}
		}
		l.isolate(f.cfg.Session.Server, true)
		l.want(readLocal(f, "get", "k"), reply.Text("199")) // just confirmed
		time.Sleep(bound + time.Millisecond)
		l.want(readLocal(f, "get", "k"), reply.Err(ErrStale.RESP))
		f.SetStaleReadMax(0)
		l.want(readLocal(f, "get", "k"), reply.Text("199"))
	})
}

// A deposed leader that does not know it yet answers no local read older than its bound. It needs
// confirmation like any other node.
func TestALeaderThatIsCutOffIsBoundToo(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		leader.SetStaleReadMax(20 * time.Millisecond)
		l.want(write(leader, "set", "k", "v"), reply.OK)
		l.want(readLocal(leader, "get", "k"), reply.Text("v"))
		l.isolate(leader.cfg.Session.Server, true)
		time.Sleep(25 * time.Millisecond)
		l.want(readLocal(leader, "get", "k"), reply.Err(ErrStale.RESP))
	})
}

// A restarted node has only its snapshot and its log until a leader says what is committed. It
// answers no local read before that.
func TestARestartedNodeReadsNothingLocallyBeforeItHasCaughtUp(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		f := l.followers()[0]
		id := f.cfg.Session.Server
		l.want(write(f, "set", "k", "v"), reply.OK)
		l.crash(id)
		l.isolate(id, true)
		f = l.start(id)
		l.want(readLocal(f, "get", "k"), reply.Err(ErrBehind.RESP))
		l.isolate(id, false)
		l.eventually("it has caught up", func() bool { return f.Ready() == nil })
		l.want(readLocal(f, "get", "k"), reply.Text("v"))
	})
}

// A connection reads what it has written, through whichever node.
func TestALocalReadSeesTheConnectionsOwnWrites(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		for i := range 100 {
			for _, n := range []*Node{l.leader(), l.followers()[0], l.followers()[1]} {
				value := strconv.Itoa(i)
				l.want(write(n, "set", "k", value), reply.OK)
				l.want(readLocal(n, "get", "k"), reply.Text(value))
			}
		}
	})
}

// A key's TTL keeps running on a node that is cut off, but the key expires only by the machine's
// clock. Until then it exists, with a millisecond left.
func TestTimeToLiveOfALocalReadGoesOn(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		f := l.followers()[0]
		l.want(write(f, "set", "k", "v", "px", "10000"), reply.OK)
		l.isolate(f.cfg.Session.Server, true)
		time.Sleep(4 * time.Second)
		if left := readLocal(f, "pttl", "k").Int(); left < 5900 || left > 6000 {
			t.Errorf("after 4 of 10 s there are %d ms left", left)
		}
		time.Sleep(20 * time.Second)
		l.want(readLocal(f, "pttl", "k"), reply.Int(1))
		l.want(readLocal(f, "get", "k"), reply.Text("v"))
		l.isolate(f.cfg.Session.Server, false)
		l.eventually("the key is gone", func() bool { return readLocal(f, "exists", "k").Int() == 0 })
	})
}
