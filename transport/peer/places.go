package peer

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/kvorum/kvorum/internal/places"
)

// Places bounds the connections that others have opened, each of which costs a
// descriptor. What this server dials itself is not among them.
type Places struct {
	Newcomers int // that have not greeted, or have said nothing since
	Servers   int // that have
}

// lobby is where accepted connections have their places. Whoever opens many and
// says nothing displaces others who say nothing: a connection that has carried
// something has a place among the servers', and there each server has its own share.
type lobby struct {
	newcomers *places.Room
	servers   *places.Room
}

func newLobby(p Places) lobby {
	if p == (Places{}) {
		p = Places{Newcomers: newcomersDefault, Servers: serversDefault}
	}
	return lobby{
		newcomers: places.New(places.Limits{All: p.Newcomers, PerHolder: max(1, p.Newcomers*3/4)}),
		servers:   places.New(places.Limits{All: p.Servers, PerHolder: placesPerServer}),
	}
}

// Displaced counts the accepted connections that made room for others.
func (e *Endpoint) Displaced() uint64 { return e.lobby.newcomers.Ended() + e.lobby.servers.Ended() }

// tracked is a connection that the endpoint ends when it closes.
type tracked struct {
	net.Conn
	endpoint *Endpoint
	served   atomic.Bool // its place is one of a server's

	mu     sync.Mutex
	place  *places.Place // nil: this server has dialled it, or it is closed
	closed bool
}

// enter gives an accepted connection a place.
func (e *Endpoint) enter(conn net.Conn) *tracked {
	t := &tracked{Conn: conn, endpoint: e}
	t.place = e.lobby.newcomers.Take(host(conn), t.end)
	return t
}

// host is where a connection comes from: one host takes no more than most of the places.
func host(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	if name, _, err := net.SplitHostPort(addr); err == nil {
		return name
	}
	return addr
}

// end closes the connection for its room; whoever serves it then finds it closed.
func (t *tracked) end() { t.Conn.Close() }

// heard notes that something has come in from a server that has greeted.
func (t *tracked) heard(server string) {
	if t.served.Load() {
		t.mu.Lock()
		if t.place != nil {
			t.place.Heard()
		}
		t.mu.Unlock()
		return
	}
	t.mu.Lock()
	newcomer := t.place
	t.mu.Unlock()
	if newcomer == nil {
		return
	}
	// Without the lock: this may end another connection, whose own lock may be held.
	place := t.endpoint.lobby.servers.Take(server, t.end)
	newcomer.Leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		place.Leave()
		return
	}
	t.place = place
	t.served.Store(true)
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.endpoint.untrack(t.Conn)
	t.mu.Lock()
	t.closed = true
	if t.place != nil {
		t.place.Leave()
		t.place = nil
	}
	t.mu.Unlock()
	return t.Conn.Close()
}
