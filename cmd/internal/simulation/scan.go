package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// What a scanner's database holds, besides what everybody else writes.
const (
	staying  = 40 // keys that are there from the start to the end
	churning = 60 // that come and go
)

// scanner walks through all keys step by step, each step through any server,
// while keys come and go: what is there all the time must be found.
type scanner struct {
	connection
	scans int // that have come to their end
	wrong error
}

func stayingKey(i int) string { return "stay" + strconv.Itoa(i) }

// prepare writes the keys that stay.
func (s *scanner) prepare() error {
	fields := []string{"mset"}
	for i := range staying {
		fields = append(fields, stayingKey(i), "")
	}
	c := newCall(fields...)
	if sent, _ := s.send([]*command.Call{c}); !sent || c.Reply.IsError() {
		return fmt.Errorf("write the keys that stay: %q", c.Reply.Bytes)
	}
	return nil
}

// run scans until done is closed, and once more at least.
func (s *scanner) run(done <-chan struct{}) {
	for again := true; again && s.wrong == nil; again = !closed(done) {
		s.scan()
		time.Sleep(time.Duration(s.rng.Int64N(int64(200 * time.Millisecond))))
	}
}

func (s *scanner) scan() {
	found := map[string]bool{}
	for cursor := "0"; ; {
		if closed(s.tooLate) {
			return
		}
		s.move()
		s.churn()
		time.Sleep(time.Duration(s.rng.Int64N(int64(20 * time.Millisecond))))
		s.move()
		c := newCall("scan", cursor, "count", strconv.Itoa(1+s.rng.IntN(30)))
		sent, dead := s.send([]*command.Call{c})
		if !sent || dead || c.Reply.IsError() {
			time.Sleep(50 * time.Millisecond)
			continue // the same step, elsewhere
		}
		for _, key := range c.Reply.Elems[1].Elems {
			found[string(key.Bytes)] = true
		}
		if cursor = string(c.Reply.Elems[0].Bytes); cursor == "0" {
			break
		}
	}
	s.scans++
	var missing []string
	for i := range staying {
		if !found[stayingKey(i)] {
			missing = append(missing, stayingKey(i))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		s.wrong = &broken{fmt.Sprintf("scan %d did not return %s", s.scans, strings.Join(missing, " "))}
	}
}

// churn lets many keys come, or go, so that the keyspace grows and shrinks.
func (s *scanner) churn() {
	fields := []string{"del"}
	come := s.rng.IntN(2) == 0
	if come {
		fields[0] = "mset"
	}
	for range 1 + s.rng.IntN(churning) {
		fields = append(fields, "churn"+strconv.Itoa(s.rng.IntN(churning)))
		if come {
			fields = append(fields, "")
		}
	}
	if s.rng.IntN(4) == 0 {
		s.send([]*command.Call{newCall(fields...)})
	}
}
