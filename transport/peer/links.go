package peer

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// LinkInfo describes one open connection of requests, for administration. Raft's own connections
// are not included.
type LinkInfo struct {
	Server      string // the other server, id@incarnation
	Outgoing    bool   // dialled by this server
	Since       time.Time
	QueuedBytes int // bytes that wait to be written
	BufferBytes int // bytes allocated for them
}

// Links lists the open connections with other servers, ordered by server. Connections that this
// server has dialled come first.
func (e *Endpoint) Links() []LinkInfo {
	e.mu.Lock() // never held together with a box's lock, under which a link ends its connection
	dialled, served := slices.Collect(maps.Values(e.links)), slices.Collect(maps.Keys(e.served))
	e.mu.Unlock()
	var links []LinkInfo
	for _, l := range dialled {
		l.box.mu.Lock()
		if l.end != nil {
			links = append(links, LinkInfo{l.server, true, l.since, len(l.box.buf), cap(l.box.buf) + cap(l.box.spare)})
		}
		l.box.mu.Unlock()
	}
	for _, s := range served {
		s.box.mu.Lock()
		links = append(links, LinkInfo{s.from.Server, false, s.since, len(s.box.buf), cap(s.box.buf) + cap(s.box.spare)})
		s.box.mu.Unlock()
	}
	slices.SortFunc(links, func(a, b LinkInfo) int {
		outgoingFirst := 0
		switch {
		case a.Outgoing && !b.Outgoing:
			outgoingFirst = -1
		case b.Outgoing && !a.Outgoing:
			outgoingFirst = 1
		}
		return cmp.Or(cmp.Compare(a.Server, b.Server), outgoingFirst, a.Since.Compare(b.Since))
	})
	return links
}

// Unanswered returns the time since which small requests to a server have had no answer. Zero means
// that the last one had an answer, or that none has waited for a second.
func (e *Endpoint) Unanswered(server string) time.Time {
	e.mu.Lock() // never held together with a box's lock, as in Links
	l := e.links[linkKey{server, Small}]
	e.mu.Unlock()
	if l == nil {
		return time.Time{}
	}
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	return l.mute
}

// Retain ends the links with servers for which keep returns false, with their goroutines and
// connections. It spares links on which requests are waiting. A link that is needed again is made
// again.
func (e *Endpoint) Retain(keep func(server string) bool) {
	e.mu.Lock() // never held together with a box's lock, as in Links
	over := map[linkKey]*link{}
	for key, l := range e.links {
		if !keep(key.server) {
			over[key] = l
		}
	}
	e.mu.Unlock()
	for key, l := range over {
		if !l.retire() {
			continue
		}
		e.mu.Lock()
		if e.links[key] == l {
			delete(e.links, key)
		}
		e.mu.Unlock()
	}
}

// noteServed records a connection for Links when it opens, and removes it when it ends.
func (e *Endpoint) noteServed(s *serving, open bool) {
	if s.from.Lane != Requests {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if open {
		e.served[s] = struct{}{}
	} else {
		delete(e.served, s)
	}
}
