package peer

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/kvorum/kvorum/internal/places"
)

// Places bounds the connections that other servers have opened, each of which costs a descriptor.
// Connections that this server has dialled do not count.
type Places struct {
	Newcomers int // connections that have not greeted, or have sent nothing since
	Servers   int // connections that have sent something
}

// lobby holds the places of accepted connections. A client that opens many connections and sends
// nothing displaces only other silent ones. A connection that has carried something has a place
// among the servers', where each server has its own share.
type lobby struct {
	newcomers *places.Room
	servers   *places.Room
}

// newLobby makes a lobby with the given bounds, or with the defaults if they are zero.
func newLobby(p Places) lobby {
	if p == (Places{}) {
		p = Places{Newcomers: newcomersDefault, Servers: serversDefault}
	}
	return lobby{
		newcomers: places.New(places.Limits{All: p.Newcomers, PerHolder: max(1, p.Newcomers*3/4)}),
		servers:   places.New(places.Limits{All: p.Servers, PerHolder: placesPerServer}),
	}
}

// Displaced counts the accepted connections that were ended to make room for others.
func (e *Endpoint) Displaced() uint64 { return e.lobby.newcomers.Ended() + e.lobby.servers.Ended() }

// tracked is a connection that ends when its endpoint closes.
type tracked struct {
	net.Conn
	endpoint *Endpoint
	served   atomic.Bool // its place is among the servers'

	mu     sync.Mutex
	place  *places.Place // nil: this server dialled it, or it is closed
	closed bool
}

// enter gives an accepted connection a place among the newcomers.
func (e *Endpoint) enter(conn net.Conn) *tracked {
	t := &tracked{Conn: conn, endpoint: e}
	t.place = e.lobby.newcomers.Take(host(conn), t.end)
	return t
}

// host returns the address that a connection comes from, without the port. It is the holder of a
// newcomer's place, so that one host cannot take all places.
func host(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	if name, _, err := net.SplitHostPort(addr); err == nil {
		return name
	}
	return addr
}

// end closes the connection to make room for another. Whoever serves it then finds it closed.
func (t *tracked) end() { t.Conn.Close() }

// heard records that a server has sent something after its greeting. The first time, the connection
// moves from the newcomers to the server's own places.
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
	// The lock is not held here: Take may end another connection, whose own lock may be held.
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
