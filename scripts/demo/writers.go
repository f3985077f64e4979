package main

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/stage"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

// writers count one key up together, one through each node, as fast as they
// are answered. None sends anything twice.
type writers struct {
	key     string
	counter *tally.Counter
	pulse   *tally.Pulse            // of all
	pulses  map[string]*tally.Pulse // by node
	cut     *cutting                // what happens during a cut, nil: there is none in this demo
	stopped atomic.Bool
	running sync.WaitGroup
}

func startWriters(nodes []stage.Node, key string, cut *cutting) *writers {
	now := time.Now()
	w := &writers{cut: cut, key: key, counter: tally.NewCounter(), pulse: tally.NewPulse(now, pulseSpan), pulses: map[string]*tally.Pulse{}}
	for _, node := range nodes {
		w.pulses[node.ID] = tally.NewPulse(now, pulseSpan)
	}
	for _, node := range nodes {
		w.running.Go(func() { w.write(node) })
	}
	return w
}

// stop ends the writers once each has its answer.
func (w *writers) stop() {
	w.stopped.Store(true)
	w.running.Wait()
}

func (w *writers) write(node stage.Node) {
	conn := client.Conn{Addr: node.Addr, Within: requestWithin}
	defer conn.Close()
	for !w.stopped.Load() {
		// What accepts a connection for a dead container is not the node.
		if !conn.Connected() {
			if answer, err := conn.Do("PING"); err != nil || answer.IsError() {
				time.Sleep(retryPause)
				continue
			}
		}
		sent := w.cut.now()
		answer, err := conn.Do("INCR", w.key)
		result := outcomeOf(answer, err)
		w.cut.heard(node.ID, write, heard{sent, result, answer, err})
		switch result {
		case done:
			now := time.Now()
			w.counter.Acked(answer.Int())
			w.pulse.Beat(now)
			w.pulses[node.ID].Beat(now)
			continue
		case unknown:
			w.counter.Unknown()
		case refused:
			w.counter.Refused()
		}
		time.Sleep(retryPause)
	}
}

// outcome says what a client knows of its write.
type outcome int

const (
	done outcome = iota
	refused
	unknown
	notSent
)

// outcomeOf judges an answer: any error but UNCERTAIN says that nothing was done.
func outcomeOf(answer reply.Value, err error) outcome {
	switch {
	case errors.Is(err, client.ErrNotSent):
		return notSent
	case err != nil:
		return unknown
	case !answer.IsError():
		return done
	case strings.HasPrefix(string(answer.Bytes), "UNCERTAIN"):
		return unknown
	}
	return refused
}
