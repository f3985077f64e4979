package peer

import (
	"errors"
	"time"
)

var errSilent = errors.New("the server has not said a word for too long")

// armProbe starts to watch the current connection, unless that is already done. The caller holds
// box.mu. No timer runs while no request waits, so an idle cluster costs nothing.
func (l *link) armProbe() {
	if l.probe != nil || len(l.waiting) == 0 {
		return
	}
	watch := &silence{link: l, heard: l.heard, end: l.end}
	l.probe = time.AfterFunc(silenceProbe, watch.look)
	watch.timer = l.probe
}

// silence watches one connection while requests wait on it. A cut network or a stopped process
// gives no sign, and the requests must not wait for ever.
type silence struct {
	link   *link
	timer  *time.Timer
	heard  uint64
	probes int
	end    func(error)
}

// look checks whether anything was received since the last look. If not, it sends a probe, or ends
// the connection after silenceProbesMax probes without an answer.
func (s *silence) look() {
	l := s.link
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	if l.probe != s.timer {
		return // its connection has ended
	}
	if len(l.waiting) == 0 {
		l.probe = nil
		return
	}
	if l.heard != s.heard {
		s.heard, s.probes = l.heard, 0
	} else if l.mute.IsZero() {
		l.mute = time.Now().Add(-silenceProbe)
	}
	if s.probes == silenceProbesMax {
		l.probe = nil
		l.endpoint.background(func() { s.end(errSilent) })
		return
	}
	if s.probes == 0 || len(l.box.buf) == 0 {
		l.box.add(frame{kind: probeKind})
		l.box.rouse()
	}
	s.probes++
	s.timer.Reset(silenceProbe)
}

// startPulse sends a probe on the current connection every keepAliveEvery, since the other server
// ends a connection on which nothing arrives (idleMax). The caller holds box.mu.
func (l *link) startPulse() {
	var pulse *time.Timer
	pulse = time.AfterFunc(keepAliveEvery, func() {
		l.box.mu.Lock()
		defer l.box.mu.Unlock()
		if l.pulse != pulse {
			return // its connection has ended
		}
		if len(l.box.buf) == 0 {
			l.box.add(frame{kind: probeKind})
			l.box.rouse()
		}
		pulse.Reset(keepAliveEvery)
	})
	l.pulse = pulse
}
