package node

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// stackClock is a clock that a leader reads in each round of a confirmation while it holds the
// readers' lock.
type stackClock struct {
	inRound atomic.Pointer[func(depth int)]
}

func (c *stackClock) Now() time.Time {
	if look := c.inRound.Load(); look != nil {
		if depth, inRound := roundDepth(); inRound {
			(*look)(depth)
		}
	}
	return time.Now()
}

// roundDepth returns how many frames are on the stack, and whether a round is among them.
func roundDepth() (depth int, inRound bool) {
	callers := make([]uintptr, 128)
	depth = runtime.Callers(0, callers)
	frames := runtime.CallersFrames(callers[:min(depth, 32)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "(*reads).voted") {
			return depth, true
		}
		if !more {
			return depth, false
		}
	}
}

// If there is only one voter, a round is over as soon as it has begun. If another reader waits at
// the end of each round, the stack does not grow with the rounds, and whoever began the first one
// is answered.
func TestAnOnlyVotersRoundsNeedNoStack(t *testing.T) {
	const rounds = 100_000
	clock := &stackClock{}
	inBubble(t, 1, func(c *Config) { c.Clock = clock }, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK)
		deepest, added := 0, make([]*readTicket, 0, rounds)
		another := func(depth int) {
			deepest = max(deepest, depth)
			if len(added) == rounds {
				return
			}
			next := &readTicket{done: make(chan struct{}, 1), deadline: time.Now().Add(time.Hour)}
			added = append(added, next)
			leader.reads.waiting = append(leader.reads.waiting, next)
		}
		clock.inRound.Store(&another)
		l.want(read(leader, "get", "k"), reply.Text("v"))
		l.eventually("all rounds have been begun", func() bool {
			leader.reads.mu.Lock()
			defer leader.reads.mu.Unlock()
			return len(added) == rounds
		})
		for _, next := range added {
			<-next.done
		}
		if deepest > 100 {
			t.Errorf("the stack had %d frames", deepest)
		}
	})
}

// Readers who arrive at the same time are all answered, by however many rounds.
func TestReadersOfAnOnlyVoterWhoComeAtOnceAreAnswered(t *testing.T) {
	l := newLab(t, 1, nil)
	defer l.close()
	leader := l.leader()
	l.want(write(leader, "set", "k", "v"), reply.OK)
	var readers sync.WaitGroup
	var wrong atomic.Int64
	leader.reads.mu.Lock() // until most of them wait
	for range 10_000 {
		c := call("get", "k")
		readers.Go(func() {
			leader.Read(context.Background(), []*command.Call{c})
			if string(c.Reply.Bytes) != "v" {
				wrong.Add(1)
			}
		})
	}
	leader.reads.mu.Unlock()
	readers.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d readers were answered otherwise", wrong.Load())
	}
}
