package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/scripts/client"
)

// load is the clients of all nodes.
type load struct {
	cluster *cluster
	writers []*writer
	rolling bool // a node that stops ends its connections, having answered all that it has read
	tally   *tally
	stopped atomic.Bool
	running sync.WaitGroup
}

// writer counts its own key up, through one node.
type writer struct {
	node    *node
	key     string
	client  client.Conn
	acked   atomic.Int64 // the largest number it was answered
	unknown int64        // commands since then that got no certain answer
	away    time.Time    // since when it goes through another node, which has not stopped
}

// startLoad starts so many writers, and one reader, for each node. The title
// keeps the keys of one run apart from another's.
func startLoad(c *cluster, r rounds, clients int, t *tally) *load {
	l := &load{cluster: c, tally: t, rolling: r.rolling}
	for _, n := range c.nodes {
		for i := range clients {
			l.writers = append(l.writers, &writer{node: n, key: fmt.Sprintf("%s:%s:%d", r.title, n.id, i), client: client.Conn{Addr: n.addr}})
		}
	}
	if r.rolling {
		startRollers(c, r.title, l)
	}
	for _, w := range l.writers {
		l.running.Go(func() { l.write(w) })
	}
	for _, n := range c.nodes {
		l.running.Go(func() { l.read(n) })
	}
	return l
}

// stop ends the load once every client has its answer.
func (l *load) stop() {
	l.stopped.Store(true)
	l.running.Wait()
}

func (l *load) write(w *writer) {
	defer w.client.Close()
	for !l.stopped.Load() {
		began, struck, strikes := time.Now(), w.node.struck.Load(), w.node.strikes.Load()
		answer, err := w.client.Do("INCR", w.key)
		if l.rolling && ended(err) {
			l.turn(&w.client)
			w.away = time.Now()
			continue
		}
		if err == nil {
			l.tally.answered(w.node, time.Since(began))
		}
		if err != nil || answer.IsError() {
			w.unknown += l.failed(w.node, answer, err)
			time.Sleep(retryPause)
			continue
		}
		got, last := answer.Int(), w.acked.Load()
		switch {
		case got <= last:
			l.tally.violation("LOST: %s through %s was %d and then %d", w.key, w.node.id, last, got)
		case got > last+1+w.unknown:
			l.tally.violation("DOUBLED: %s through %s was %d, then %d with %d of unknown outcome", w.key, w.node.id, last, got, w.unknown)
		}
		w.acked.Store(got)
		w.unknown = 0
		w.goHome()
		if !struck && strikes == w.node.strikes.Load() { // else it has waited for that node
			l.tally.wrote(w.node, time.Since(began))
		}
	}
}

// ended reports whether an error says that the connection has ended or could not
// be made. A time-out is another matter.
func ended(err error) bool {
	for _, end := range []error{client.ErrNotSent, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// turn has a client whose connection has ended go on through the next node. The
// command has not been carried out: a node that stops answers what it has read.
func (l *load) turn(c *client.Conn) {
	for i, n := range l.cluster.nodes {
		if n.addr == c.Addr {
			c.Addr = l.cluster.nodes[(i+1)%len(l.cluster.nodes)].addr
			break
		}
	}
	time.Sleep(turnPause)
}

// goHome has a writer go through its own node again after a while.
func (w *writer) goHome() {
	if w.client.Addr != w.node.addr && time.Since(w.away) > awayFor {
		w.client.Close()
		w.client.Addr = w.node.addr
	}
}

// failed counts an error and returns 1 if the command may have been applied all the same.
func (l *load) failed(n *node, answer reply.Value, err error) int64 {
	if !n.struck.Load() {
		l.tally.refused(n, string(answer.Bytes), err)
	}
	switch {
	case errors.Is(err, client.ErrNotSent):
		return 0
	case err == nil && !strings.HasPrefix(string(answer.Bytes), "UNCERTAIN"):
		return 0 // CLUSTERDOWN, LOADING: not applied
	}
	return 1
}

// read reads others' counters: none may be below what was acknowledged before the question.
func (l *load) read(n *node) {
	c := client.Conn{Addr: n.addr}
	defer c.Close()
	for !l.stopped.Load() {
		w := l.writers[rand.IntN(len(l.writers))]
		floor := w.acked.Load()
		answer, err := c.Do("GET", w.key)
		if l.rolling && ended(err) {
			l.turn(&c)
			continue
		}
		if err != nil || answer.IsError() {
			l.failed(n, answer, err)
			time.Sleep(retryPause)
			continue
		}
		if got := counter(answer); got < floor {
			l.tally.violation("STALE: %s read through %s as %d after %d was acknowledged", w.key, n.id, got, floor)
		}
		l.tally.reads.Add(1)
	}
}

// counter is the number in a reply to GET, 0 for a key that is not there.
func counter(v reply.Value) int64 {
	n, _ := strconv.ParseInt(string(v.Bytes), 10, 64)
	return n
}

// verify reads every counter through every node, at the end.
func (l *load) verify(c *cluster) error {
	for _, n := range c.nodes {
		for _, w := range l.writers {
			answer, err := n.admin.Do("GET", w.key)
			if err != nil || answer.IsError() {
				return fmt.Errorf("read %s through %s: %s %v", w.key, n.id, answer.Bytes, err)
			}
			got := counter(answer)
			if last := w.acked.Load(); got < last || got > last+w.unknown {
				l.tally.violation("END: %s is %d through %s, acknowledged up to %d and %d unknown", w.key, got, n.id, last, w.unknown)
			}
		}
	}
	return nil
}
