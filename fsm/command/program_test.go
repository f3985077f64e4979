package command_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
	"github.com/kvorum/kvorum/internal/corpus"
)

// A reply is read after every lock has been released, and a capture is written
// beside later writes: neither may see its bytes change.
func TestWhatWasAnsweredOrCapturedNeverChanges(t *testing.T) {
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-command.seed=%d", seed)
	p := &program{Rand: rand.New(rand.NewPCG(seed, 5))}
	m := newBareMachine()
	type answer struct {
		value reply.Value
		text  string
	}
	var answers []answer
	var capture *keyspace.Capture
	captured := ""
	for step := range *differentialSteps {
		v, err := m.run(words(p.next()...))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer{v, corpus.Print(v)})
		if step%100 != 99 {
			continue
		}
		for _, a := range answers {
			if got := corpus.Print(a.value); got != a.text {
				t.Fatalf("seed %d, step %d: a reply has become %s from %s", seed, step, got, a.text)
			}
		}
		if capture != nil && printCapture(capture) != captured {
			t.Fatalf("seed %d, step %d: a capture has changed", seed, step)
		}
		answers = answers[:0]
		capture = m.keys.Capture()
		captured = printCapture(capture)
	}
}

func printCapture(c *keyspace.Capture) string {
	var out strings.Builder
	for db := range keyspace.Databases {
		c.Range(db, func(o *keyspace.Object) bool {
			fmt.Fprintf(&out, "%d %q %q %d %d %d\n", db, o.Key(), o.Str(), o.Encoding(), o.DeadlineMS(), o.AccessMS())
			return true
		})
	}
	return out.String()
}

// Two machines that walk their keys in different orders give the same replies
// but for order, which nothing else may depend on.
func TestTheOrderOfKeysReachesNoOtherReply(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	p := &program{Rand: rand.New(rand.NewPCG(seed, 6))}
	a, b := newBareMachine(), newBareMachine()
	b.keys = keyspace.New([16]byte{99})
	b.keys.Advance(bareBeginMS)
	for range *differentialSteps / 2 {
		args := p.next()
		if x, y := mustDo(t, a, args...), mustDo(t, b, args...); !sameReply(args, x, y) {
			t.Fatalf("seed %d: %q\n%s\n%s", seed, args, corpus.Print(x), corpus.Print(y))
		}
	}
}

func TestAReadOfADueKeyAsksToBeRunAgain(t *testing.T) {
	for _, line := range []string{"GET k", "MGET x k", "EXISTS k", "TTL k", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE",
		"DUMP k", "OBJECT ENCODING k", "STRLEN k", "GETRANGE k 0 1", "LCS k x", "TYPE k", "TOUCH k", "DEBUG DIGEST", "MEMORY USAGE k"} {
		m := newBareMachine()
		mustDo(t, m, "SET", "k", "v", "PX", "10")
		deadline := m.keys.ClockMS() + 10
		args := words(strings.Fields(line)...)
		row, _ := command.Lookup(args)
		for _, c := range []struct{ nowMS, want int64 }{{deadline - 1, 0}, {deadline, deadline}, {deadline + 5, deadline}} {
			ctx := m.context(row, args, c.nowMS)
			row.Run(ctx)
			if ctx.DueMS != c.want {
				t.Errorf("%s at %d: DueMS is %d, want %d", line, c.nowMS-deadline, ctx.DueMS, c.want)
			}
		}
	}
}

func TestATimeToLiveIsAtLeastAMillisecondWhileTheKeyIsThere(t *testing.T) {
	m := newBareMachine()
	mustDo(t, m, "SET", "k", "v", "PX", "10")
	args := words("pttl", "k")
	row, _ := command.Lookup(args)
	ctx := m.context(row, args, m.keys.ClockMS()+9)
	if got := row.Run(ctx).Int(); got != 1 || ctx.DueMS != 0 {
		t.Errorf("PTTL answers %d, DueMS %d", got, ctx.DueMS)
	}
}

func TestRaftSetChangesAllOrNone(t *testing.T) {
	m := newBareMachine()
	for _, c := range []struct{ line, want, value string }{
		{"RAFT SET proto-max-bulk-len 1mb", "+OK", "1048576"},
		{"RAFT SET Proto-Max-Bulk-Len 2mb proto-max-bulk-len 1", "-", "1048576"},
		{"RAFT SET proto-max-bulk-len 2mb maxclients 5", "-ERR Unknown option or number of arguments for CONFIG SET - 'maxclients'", "1048576"},
		{"RAFT SET proto-max-bulk-len", "-ERR wrong number of arguments for 'raft|set' command", "1048576"},
		{"RAFT SET proto-max-bulk-len 2mb x", "-ERR wrong number of arguments for 'raft|set' command", "1048576"},
	} {
		if got := corpus.Print(mustDo(t, m, strings.Fields(c.line)...)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s answers %s", c.line, got)
		}
		if got, _ := m.settings.Get(setting.ProtoMaxBulkLen); got != c.value {
			t.Errorf("after %s it is %s", c.line, got)
		}
	}
	if got := corpus.Print(mustDo(t, m, "SETRANGE", "k", "1048576", "x")); got != "-ERR string exceeds maximum allowed size (proto-max-bulk-len)" {
		t.Errorf("the limit does not hold: %s", got)
	}
}

// What is there from the beginning to the end of a walk is returned, whatever
// happens to the other keys meanwhile.
func TestAScanReturnsWhatIsThereAllTheTime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 8))
	m := newBareMachine()
	for i := range 500 {
		mustDo(t, m, "SET", fmt.Sprint("stays", i), "v")
	}
	for _, count := range []string{"1", "7", "100"} {
		seen := map[string]bool{}
		for cursor := "0"; ; {
			v := mustDo(t, m, "SCAN", cursor, "COUNT", count, "MATCH", "stays*")
			for _, key := range v.Elems[1].Elems {
				seen[string(key.Bytes)] = true
			}
			if cursor = string(v.Elems[0].Bytes); cursor == "0" {
				break
			}
			for range draw.IntN(20) {
				mustDo(t, m, "SET", fmt.Sprint("comes", draw.IntN(2000)), "v")
				mustDo(t, m, "DEL", fmt.Sprint("comes", draw.IntN(2000)))
				stays := fmt.Sprint("stays", draw.IntN(500))
				mustDo(t, m, "RENAME", stays, stays)
				mustDo(t, m, "SET", stays, "w")
			}
		}
		if len(seen) != 500 {
			t.Fatalf("seed %d, COUNT %s: %d keys of 500 were returned", seed, count, len(seen))
		}
	}
}

// FuzzCommand runs whatever a client may send: no command may panic, and each answers.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{"SET k v EX 10", "LCS a b IDX WITHMATCHLEN", "RESTORE k 0 x", "SCAN 0 MATCH [", "INCRBYFLOAT k 0x1p3"} {
		f.Add([]byte(strings.ReplaceAll(line, " ", "\n")), []byte("12"))
	}
	f.Fuzz(func(t *testing.T, line, value []byte) {
		args := bytes.Split(line, []byte("\n"))
		if row, _ := command.Lookup(args); row == nil || row.Route() == command.Local {
			return
		}
		m := newBareMachine()
		m.settings = setting.NewValues()
		if err := m.settings.Set(setting.ProtoMaxBulkLen, "1048576"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"k", "a", "b"} {
			mustDo(t, m, "SET", key, string(value))
		}
		if _, err := m.Do(args); err != nil {
			t.Fatal(err)
		}
	})
}
