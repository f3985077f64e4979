package fsm_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/member"
)

// TestSessions runs the scripts of testdata/sessions. Each line of "apply" is
// a batch of one entry:
//
//	n1/1 register                    opens the session of boot 1
//	n1/1#3 acked=2 set a 1; incr a   batch 3, which acknowledges the replies up to 2
//	n1/1#4 part=0/2 incr a           a part; the two halves of a body are parts 0 and 1,
//	                                 and every part between them is empty
//	n1/1#6 part=1/2 first=4 incr a   a part that names its command's first
//	n1/1#7 abandon=4                 drops the parts of the command that began at 4
//
// "configure" records servers, "raise" raises the machines' version, "wait" lets
// seconds pass and says what falls due next, "snapshot" replaces one of the two machines by
// what its snapshot restores, "replay" asks what became of a number, "session"
// describes a session. Both machines must always agree.
func TestSessions(t *testing.T) {
	datadriven.Walk(t, "testdata/sessions", func(t *testing.T, path string) {
		l := &log{t: t, index: 0, stampMS: epochMS, machines: []*fsm.Machine{fsm.New(), fsm.New()}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			l.t = t
			lines := strings.Split(d.Input, "\n")
			switch d.Cmd {
			case "configure":
				var servers []member.Server
				for _, line := range lines {
					servers = append(servers, member.Server{ID: serverID(line), Voter: true})
				}
				l.configure(servers...)
			case "apply":
				var batches []entry.Batch
				for _, line := range lines {
					batches = append(batches, scriptBatch(t, line))
				}
				defer l.checkDigests()
				return show(l.entry(batches...)) + "\n"
			case "raise":
				l.raise(uint8(parse(t, d.Input)))
			case "wait":
				l.stampMS += 1000 * int64(parse(t, d.Input))
				l.entry()
				defer l.checkDigests()
				return l.nextDeadline()
			case "snapshot":
				l.machines[1] = throughSnapshot(t, l.machines[1])
			case "replay":
				return l.replay(scriptBatch(t, d.Input))
			case "session":
				info, ok := l.machines[1].Session(serverID(d.Input))
				if !ok {
					return "none\n"
				}
				return fmt.Sprintf("boot %d ordinal %d at %s: last %d acked %d\n",
					info.Boot, info.Ordinal, info.ClientAddr, info.Last, info.Acked)
			default:
				t.Fatalf("unknown directive %q", d.Cmd)
			}
			return "ok\n"
		})
	})
}

func (l *log) replay(b entry.Batch) string {
	var answers []string
	for _, m := range l.machines {
		answer := "not applied"
		if out, ok := m.Replay(b.Session, b.Number); ok {
			answer = show([]fsm.Outcome{out})
		}
		answers = append(answers, answer)
	}
	if answers[0] != answers[1] {
		l.t.Fatalf("replay of %d: %q, restored %q", b.Number, answers[0], answers[1])
	}
	return answers[0] + "\n"
}

// nextDeadline says when each machine's next deadline falls due, in seconds.
func (l *log) nextDeadline() string {
	var answers []string
	for _, m := range l.machines {
		answer := "nothing falls due"
		if due, some := m.NextDeadlineMS(); some {
			answer = fmt.Sprintf("due in %.3f s", float64(due-m.ClockMS())/1000)
		}
		answers = append(answers, answer)
	}
	if answers[0] != answers[1] {
		l.t.Fatalf("%q, restored %q", answers[0], answers[1])
	}
	return answers[0] + "\n"
}

func serverID(id string) string { return id + "@x" }

// scriptBatch parses one line of a script.
func scriptBatch(t *testing.T, line string) entry.Batch {
	t.Helper()
	who, rest, _ := strings.Cut(line, " ")
	server, numbers, _ := strings.Cut(who, "/")
	boot, number, _ := strings.Cut(numbers, "#")
	b := entry.Batch{Session: entry.Session{Server: serverID(server), Boot: parse(t, boot)}, Kind: entry.Commands}
	if rest == "register" {
		b.Kind, b.ClientAddr = entry.Register, server+":6379"
		return b
	}
	b.Number = parse(t, number)
	if tail, ok := strings.CutPrefix(rest, "acked="); ok {
		acked, after, _ := strings.Cut(tail, " ")
		b.Acked, rest = parse(t, acked), after
	}
	if first, ok := strings.CutPrefix(rest, "abandon="); ok {
		b.Kind, b.First = entry.Abandon, parse(t, first)
		return b
	}
	part, isPart := strings.CutPrefix(rest, "part=")
	if isPart {
		part, rest, _ = strings.Cut(part, " ")
	}
	if tail, ok := strings.CutPrefix(rest, "first="); ok {
		first, after, _ := strings.Cut(tail, " ")
		b.First, rest = parse(t, first), after
	}
	for _, c := range strings.Split(rest, ";") {
		if strings.TrimSpace(c) != "" {
			b.Commands = append(b.Commands, commandOf(c))
		}
	}
	if isPart {
		index, total, _ := strings.Cut(part, "/")
		b.Kind, b.PartIndex, b.PartTotal = entry.Part, int(parse(t, index)), int(parse(t, total))
		body := entry.AppendBody(nil, b.Commands)
		switch b.PartIndex {
		case 0:
			b.PartBytes = body[:(len(body)+1)/2]
		case b.PartTotal - 1:
			b.PartBytes = body[(len(body)+1)/2:]
		}
		b.Commands = nil
	}
	return b
}

func parse(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
