package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/scripts/client"
)

// books hold what clients know of the data: for each counter the largest number that was
// acknowledged and how many INCRs since then have an unknown outcome, and for each text what was
// stored.
type books struct {
	counters map[string]counter
	texts    map[string]string
}

type counter struct{ acked, unknown int64 }

func newBooks() *books {
	return &books{counters: map[string]counter{}, texts: map[string]string{}}
}

// clone lets each case write into books of its own.
func (b *books) clone() *books {
	return &books{maps.Clone(b.counters), maps.Clone(b.texts)}
}

// incr counts a key up through a node; wrong is non-empty if the answer
// contradicts the books.
func (b *books) incr(c *client.Conn, key string) (wrong string, err error) {
	was := b.counters[key]
	answer, err := ask(c, "INCR", key)
	if err != nil {
		if mayHaveHappened(err) {
			was.unknown++
			b.counters[key] = was
		}
		return "", err
	}
	got := answer.Int()
	switch {
	case got <= was.acked:
		wrong = fmt.Sprintf("LOST: INCR %s through %s answered %d, and %d had been acknowledged", key, c.Addr, got, was.acked)
	case got > was.acked+was.unknown+1:
		wrong = fmt.Sprintf("DOUBLED: INCR %s through %s answered %d, and %d had been acknowledged and %d are unknown", key, c.Addr, got, was.acked, was.unknown)
	}
	b.counters[key] = counter{acked: got}
	return wrong, nil
}

// set stores a text; one whose outcome is unknown is not in the books.
func (b *books) set(c *client.Conn, key, value string) error {
	delete(b.texts, key)
	_, err := ask(c, "SET", key, value)
	if err == nil {
		b.texts[key] = value
	}
	return err
}

// compare reads everything through one node. The first error ends it: what a
// node does not answer is not wrong.
func (b *books) compare(c *client.Conn) (wrong []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(b.counters)) {
		want := b.counters[key]
		answer, err := ask(c, "GET", key)
		if err != nil {
			return wrong, err
		}
		got, _ := strconv.ParseInt(string(answer.Bytes), 10, 64) // 0 for a key that is not there
		switch {
		case got < want.acked:
			wrong = append(wrong, fmt.Sprintf("LOST: GET %s through %s answered %d, and %d had been acknowledged", key, c.Addr, got, want.acked))
		case got > want.acked+want.unknown:
			wrong = append(wrong, fmt.Sprintf("INVENTED: GET %s through %s answered %d, of %d acknowledged and %d unknown", key, c.Addr, got, want.acked, want.unknown))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.texts)) {
		answer, err := ask(c, "GET", key)
		if err != nil {
			return wrong, err
		}
		if got, want := string(answer.Bytes), b.texts[key]; got != want {
			wrong = append(wrong, fmt.Sprintf("LOST: GET %s through %s answered %.40q, and %.40q had been acknowledged", key, c.Addr, got, want))
		}
	}
	return wrong, nil
}

// ask sends one command; an error reply is an error.
func ask(c *client.Conn, words ...string) (reply.Value, error) {
	answer, err := c.Do(words...)
	if err == nil && answer.IsError() {
		err = refused{answer}
	}
	return answer, err
}

// refused is an error reply.
type refused struct{ answer reply.Value }

func (r refused) Error() string { return string(r.answer.Bytes) }

// mayHaveHappened reports whether a write that failed may be applied all the same.
func mayHaveHappened(err error) bool {
	if errors.Is(err, client.ErrNotSent) {
		return false
	}
	var r refused
	return !errors.As(err, &r) || strings.HasPrefix(r.Error(), "UNCERTAIN")
}
