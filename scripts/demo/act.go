package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

// result holds what one act did to one side.
type result struct {
	tally.Verdict
	gap    time.Duration // without a write, for the clients that were not cut off
	island int64         // acknowledged to the clients that were
}

// perform plays the acts on all sides and ends with the table.
func (m *match) perform(ctx context.Context, acts []act) error {
	var results [][]result // by act, then side
	for i, a := range acts {
		m.screen.Event("%s %s.", m.screen.Paint(screen.Bold, fmt.Sprintf("Act %d:", i+1)), a.title)
		one, err := m.stageAct(ctx, i, a)
		if err != nil {
			return err
		}
		results = append(results, one)
	}
	return m.report(acts, results)
}

// scene is one act on one side.
type scene struct {
	act    act
	side   *side
	orders *orders
	host   int                       // the leader's machine when the fault was done
	state  atomic.Pointer[stateText] // for the picture
	result result
}

type stateText string

// stageAct plays one act on all sides at the same time.
func (m *match) stageAct(ctx context.Context, number int, a act) ([]result, error) {
	var scenes []*scene
	for _, s := range m.sides {
		scene := &scene{act: a, side: s, orders: startOrders(s, fmt.Sprintf("order:%d", number+1))}
		scene.tell("all is well")
		scenes = append(scenes, scene)
	}
	drawing, stopDrawing := context.WithCancel(ctx)
	drawn := animate(drawing, m.screen, func() []string { return m.frame(scenes) }, func() string { return progress(scenes) })
	failed := make(chan error, len(scenes))
	for _, scene := range scenes {
		go func() { failed <- scene.run(ctx) }()
	}
	var err error
	for range scenes {
		if one := <-failed; one != nil && err == nil {
			err = one
		}
	}
	stopDrawing()
	drawn.Wait()
	var results []result
	for _, scene := range scenes {
		results = append(results, scene.result)
	}
	return results, err
}

func (s *scene) tell(text string) {
	state := stateText(text)
	s.state.Store(&state)
}

// run is the act: calm, the fault, some time, its end, and the judgement.
func (s *scene) run(ctx context.Context) error {
	defer s.orders.stop()
	if err := pause(ctx, calm); err != nil {
		return err
	}
	if err := await(ctx, "a leader of "+s.side.name, func() bool { s.host = s.side.store.Leader(); return s.host > 0 }); err != nil {
		return err
	}
	s.orders.others.Mark()
	if err := s.strike(); err != nil {
		return err
	}
	if err := pause(ctx, s.act.hold); err != nil {
		return err
	}
	s.result.gap = s.orders.others.Longest(time.Now())
	s.orders.stop()
	if err := s.mend(); err != nil {
		return err
	}
	// Sentinels take some ten seconds to make the old master a replica.
	if err := await(ctx, s.side.name+" to be whole again", s.side.store.Settled); err != nil {
		return err
	}
	s.tell("whole again")
	var err error
	s.result.Verdict, err = s.orders.verdict()
	s.result.island = s.orders.beyond.Load()
	return err
}

func (s *scene) strike() error {
	if s.act.cut {
		s.side.network.Isolate(s.host)
		s.orders.island.Store(int64(s.host))
		s.tell(fmt.Sprintf("machine %d, the leader's, is cut off", s.host))
		return nil
	}
	s.tell(fmt.Sprintf("the leader, on machine %d, is dead", s.host))
	return s.side.store.Kill(s.host)
}

func (s *scene) mend() error {
	if s.act.cut {
		s.side.network.Heal()
		s.tell("the cut is healed; waiting for all three to agree")
		return nil
	}
	s.tell("the dead one is started again; waiting for all three to agree")
	return s.side.store.Start(s.host)
}

// frame is the picture of all sides as of now.
func (m *match) frame(scenes []*scene) []string {
	lines := []string{""}
	for _, s := range scenes {
		lines = append(lines, "  "+m.screen.Paint(screen.Bold, fmt.Sprintf("%-8s", s.side.name))+string(*s.state.Load()))
		if !s.act.cut {
			lines = append(lines, sparkLine(m.screen, "acks", s.orders.pulse), "")
			continue
		}
		lines = append(lines, sparkLine(m.screen, "maj.", s.orders.others),
			fmt.Sprintf("  acknowledged on the side that is cut off: %s", m.screen.Paint(screen.Amber, screen.Thousands(s.orders.beyond.Load()))), "")
	}
	return lines
}

func progress(scenes []*scene) string {
	text := ""
	for i, s := range scenes {
		if i > 0 {
			text += " | "
		}
		text += fmt.Sprintf("%s: %s; %s acks/s", s.side.name, *s.state.Load(), screen.Thousands(s.orders.pulse.PerSecond(time.Now())))
	}
	return text
}
