package main

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/demo/stage"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

// orders are the clients of one side during one act: on every machine some,
// each of which sends INCR of a key that nobody else uses, at a steady pace.
type orders struct {
	side    *side
	prefix  string
	keys    *tally.Keys
	pulse   *tally.Pulse
	island  atomic.Int64 // the machine that is cut off, 0: none
	beyond  atomic.Int64 // acknowledged on that machine, for requests begun after the cut
	others  *tally.Pulse // acknowledged on the other machines
	stopped atomic.Bool
	running sync.WaitGroup
}

func startOrders(s *side, prefix string) *orders {
	now := time.Now()
	o := &orders{side: s, prefix: prefix, keys: tally.NewKeys(), pulse: tally.NewPulse(now, pulseSpan), others: tally.NewPulse(now, pulseSpan)}
	for host := 1; host <= stage.NodeCount; host++ {
		for i := range clientsEach {
			o.running.Go(func() { o.send(host, i) })
		}
	}
	return o
}

// stop ends the clients once each has its answer, or has waited long enough.
func (o *orders) stop() {
	o.stopped.Store(true)
	o.running.Wait()
}

func (o *orders) send(host, number int) {
	conn := client.Conn{Within: orderWithin, From: stage.HostIP(host)}
	defer conn.Close()
	pace := time.NewTicker(orderEvery)
	defer pace.Stop()
	for i := 0; !o.stopped.Load(); i++ {
		<-pace.C
		if !conn.Connected() && !o.connect(&conn, host) {
			continue
		}
		key := fmt.Sprintf("%s:%d:%d:%d", o.prefix, host, number, i)
		cut := o.island.Load() == int64(host)
		answer, err := conn.Do("INCR", key)
		switch outcomeOf(answer, err) {
		case done:
			now := time.Now()
			o.keys.Acked(key)
			o.pulse.Beat(now)
			if cut {
				o.beyond.Add(1)
			}
			if o.island.Load() != int64(host) {
				o.others.Beat(now)
			}
		case unknown:
			o.keys.Unknown(key)
			conn.Close()
		case refused: // by a node that is no master any more, or knows no leader: ask anew
			o.keys.Refused()
			conn.Close()
		}
	}
}

// connect finds a node that answers.
func (o *orders) connect(conn *client.Conn, host int) bool {
	for _, target := range o.side.store.Targets(host) {
		conn.Addr = target
		if answer, err := conn.Do("PING"); err == nil && !answer.IsError() {
			return true
		}
		conn.Close()
	}
	return false
}

// verdict looks every key up that may be there.
func (o *orders) verdict() (tally.Verdict, error) {
	host := o.side.store.Leader()
	if host == 0 {
		return tally.Verdict{}, fmt.Errorf("%s has no leader to read from", o.side.name)
	}
	conn := client.Conn{Within: requestWithin, From: stage.HostIP(host)}
	defer conn.Close()
	if !o.connect(&conn, host) {
		return tally.Verdict{}, fmt.Errorf("%s does not answer in the end", o.side.name)
	}
	found := map[string]int64{}
	for keys := o.keys.Sent(); len(keys) > 0; {
		chunk := keys[:min(len(keys), askTogether)]
		keys = keys[len(chunk):]
		answer, err := conn.Do(append([]string{"MGET"}, chunk...)...)
		if err != nil || answer.IsError() || len(answer.Elems) != len(chunk) {
			return tally.Verdict{}, fmt.Errorf("read what %s holds: %s %v", o.side.name, answer.Bytes, err)
		}
		for i, value := range answer.Elems {
			if n, err := strconv.ParseInt(string(value.Bytes), 10, 64); err == nil {
				found[chunk[i]] = n
			}
		}
	}
	return o.keys.Verdict(found), nil
}
