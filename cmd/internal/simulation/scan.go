package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// The number of keys that a scanner needs, besides those of other clients.
const (
	staying  = 40 // keys that exist from start to end
	churning = 60 // keys that come and go
)

// scanner walks all keys with SCAN, each step through a random server, while keys come and
// go. It must find the keys that exist all the time.
type scanner struct {
	connection
	scans int // scans that have reached their end
	wrong error
}

func stayingKey(i int) string { return "stay" + strconv.Itoa(i) }

// prepare writes the keys that exist all the time.
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

// run scans until done is closed, and at least once.
func (s *scanner) run(done <-chan struct{}) {
	for again := true; again && s.wrong == nil; again = !closed(done) {
		s.scan()
		time.Sleep(time.Duration(s.rng.Int64N(int64(200 * time.Millisecond))))
	}
}

// scan makes one whole scan and checks what it has found.
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
			continue // repeat the step through another server
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

// churn writes or deletes many keys, so that the keyspace grows and shrinks.
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
