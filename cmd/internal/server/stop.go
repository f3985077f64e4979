package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kvorum/kvorum/node"
)

// began records something that was started, and how to end it.
func (s *Server) began(what string, end func(context.Context) error) {
	s.undo = append(s.undo, step{what, end})
}

// endAll ends everything that was started, in reverse order, even if some of it fails.
func (s *Server) endAll(ctx context.Context) error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		if err := s.undo[i].end(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.undo[i].what, err))
		}
	}
	return errors.Join(errs...)
}

// Wait blocks until the server has stopped. It returns nil after Close or SHUTDOWN,
// else what stopped the server.
func (s *Server) Wait() error {
	<-s.ending.stopped
	return s.ending.failure
}

// Close stops the server in an orderly way. It hands over leadership, finishes what is
// in flight until ctx ends, and stops everything in the reverse order of its start.
func (s *Server) Close(ctx context.Context) error { return s.stop(ctx, s.handOver) }

// CloseNow is Close without handing over leadership, for when all nodes stop.
func (s *Server) CloseNow(ctx context.Context) error { return s.stop(ctx, nobody) }

func nobody(context.Context, *node.Node) {}

// stop stops the server and returns at most stopGrace after ctx has ended. A disk that
// does not answer must not keep the process alive; goroutines that still wait for it
// are abandoned.
func (s *Server) stop(ctx context.Context, first func(context.Context, *node.Node)) error {
	return s.stopWithGrace(ctx, stopGrace, func() error { return s.stopAll(ctx, first) })
}

// stopWithGrace runs all, unless another caller stops the server already, and waits for
// the end of the stop. It gives up on all once grace has passed after the end of ctx.
func (s *Server) stopWithGrace(ctx context.Context, grace time.Duration, all func() error) error {
	if s.ending.claimed.CompareAndSwap(false, true) {
		over := make(chan error, 1)
		go func() { over <- all() }()
		select {
		case s.ending.err = <-over:
		case <-graceOver(ctx, grace):
			s.ending.err = errStuck
		}
		s.log.Info("stopped")
		close(s.ending.stopped)
	}
	<-s.ending.stopped
	return s.ending.err
}

var errStuck = errors.New("the stop took too long and was abandoned")

// graceOver returns a channel that is closed a grace period after ctx has ended.
func graceOver(ctx context.Context, grace time.Duration) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(over) }) })
	return over
}

// stopAll stops everything in order, and calls first while clients are still served.
func (s *Server) stopAll(ctx context.Context, first func(context.Context, *node.Node)) (err error) {
	// Health checks fail first: no load balancer should send clients here any more.
	s.ending.begun.Store(true)
	s.cancel()
	if m := s.member.Load(); m != nil {
		// Clients are still served here: what they send waits for the new leader
		// and is forwarded to it.
		first(ctx, m.node)
	}
	s.entering.Wait()
	if s.clients != nil {
		// The clients close before the member, which answers what has arrived.
		if err := s.clients.Close(ctx); err != nil {
			s.log.Warn("close the client port", slog.Any("error", err))
		}
	}
	if m := s.member.Load(); m != nil {
		m.admin.Close()
		if closeErr := m.node.Close(ctx); closeErr != nil {
			err = fmt.Errorf("close the member: %w", closeErr)
		}
	}
	return errors.Join(err, s.endAll(ctx))
}

// handOver transfers leadership, so that clients of other nodes do not wait for an
// election.
func (s *Server) handOver(ctx context.Context, n *node.Node) {
	ctx, cancel := context.WithTimeout(ctx, handOverWithin)
	defer cancel()
	if err := n.HandOver(ctx); err != nil {
		s.log.Warn("leadership was not handed over", slog.Any("error", err))
	}
}

// shutDown begins an orderly stop and returns. If now is set, leadership is not handed over.
func (s *Server) shutDown(now bool) {
	first := s.handOver
	if now {
		first = nobody
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		_ = s.stop(ctx, first) // Close reports it
	}()
}

// fail stops the server because of err, which Wait then returns.
func (s *Server) fail(err error) {
	s.ending.failOnce.Do(func() {
		s.ending.failure = err
		s.log.Error("this server cannot go on", slog.Any("error", err))
		s.shutDown(true)
	})
}

// collapse is a fast fail. It is for a member or disk that cannot go on and may never
// answer, and for a removed server, which receives no more entries. Waiting clients are
// answered at once, and the process ends even if a call to the disk has not returned.
func (s *Server) collapse(err error) {
	s.ending.failOnce.Do(func() {
		s.ending.failure = err
		s.log.Error("this server cannot go on", slog.Any("error", err), slog.String("data", s.cfg.DataDir))
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), collapseWithin)
			defer cancel()
			_ = s.stopWithGrace(ctx, collapseGrace, func() error {
				if m := s.member.Load(); m != nil {
					go m.node.Close(ctx) // answers the calls for which client connections would stay open
				}
				return s.stopAll(ctx, nobody)
			})
		}()
	})
}

// Crash stops the server at once, as a kill does: nothing is handed over or finished.
func (s *Server) Crash() {
	if !s.ending.claimed.CompareAndSwap(false, true) {
		<-s.ending.stopped
		return
	}
	defer close(s.ending.stopped)
	s.ending.begun.Store(true)
	s.cancel()
	if m := s.member.Load(); m != nil {
		m.node.Crash()
	}
	s.entering.Wait()
	if m := s.member.Load(); m != nil {
		m.node.Crash() // it may have opened in the meantime
		m.admin.Close()
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.endAll(over) // a crash reports no error
}

// watch stops the server when its member or disk has failed.
func (s *Server) watch(n *node.Node) {
	disk, fails := s.env.Disk.(fallible)
	var diskFailed <-chan struct{}
	if fails {
		diskFailed = disk.Failed()
	}
	select {
	case <-diskFailed:
		n.Leave(disk.Err()) // Raft first, so that the others elect a leader while clients are answered here
		s.collapse(disk.Err())
	case <-n.Failed():
		err := n.Err()
		if fails && disk.Err() != nil {
			err = disk.Err() // the disk's error says more
		}
		s.collapse(err)
	case <-s.ctx.Done():
	}
}
