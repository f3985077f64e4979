package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kvorum/kvorum/scripts/demo/screen"
	"github.com/kvorum/kvorum/scripts/demo/tally"
)

// animate draws frames in a terminal, and tells of progress line by line
// elsewhere, until ctx ends; the returned group is done then.
func animate(ctx context.Context, s *screen.Screen, frame func() []string, progress func() string) *sync.WaitGroup {
	var drawn sync.WaitGroup
	drawn.Go(func() {
		if !s.Live() {
			for pause(ctx, progressEvery) == nil {
				s.Event("%s", progress())
			}
			return
		}
		for pause(ctx, frameEvery) == nil {
			s.Frame(frame())
		}
		s.Wipe()
	})
	return &drawn
}

// sparkLine is the writes of the last seconds, and their rate now; room is left behind it.
func sparkLine(s *screen.Screen, title string, pulse *tally.Pulse) string {
	now := time.Now()
	width := max(10, min(sparkWidthMax, s.Width()-32))
	return fmt.Sprintf("  %-4s %s %7s/s", title, s.Paint(screen.Green, screen.Sparkline(pulse.Recent(now, width), width)), screen.Thousands(pulse.PerSecond(now)))
}
