package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Network connects machines: it holds their listeners and the connections between them. A
// machine has its own name as a host name, and all names that begin with it and a dash.
// Bytes that meet a cut wait, as TCP's retransmissions do, and arrive after it heals. A
// crash breaks the machine's connections.
type Network struct {
	mu        sync.Mutex
	rng       *rand.Rand
	listeners map[string]*listener
	links     map[link]*linkState
	pipes     map[*pipe]struct{}
	shielded  map[string]bool // machines behind a firewall that blocks incoming traffic
}

// link is one direction between two hosts.
type link struct{ from, to string }

type linkState struct {
	cut   bool
	delay time.Duration // added to the base latency
}

// NewNetwork returns a network whose latencies are drawn from rng.
func NewNetwork(rng *rand.Rand) *Network {
	return &Network{
		rng:       rng,
		listeners: map[string]*listener{},
		links:     map[link]*linkState{},
		pipes:     map[*pipe]struct{}{},
		shielded:  map[string]bool{},
	}
}

// Cut stops bytes from one machine to another until Heal.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(from, to).cut = true
}

// Delay adds d to the latency of one direction until Heal.
func (n *Network) Delay(from, to string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(from, to).delay = d
}

// Heal ends all cuts and delays of one direction. Bytes that waited arrive now.
func (n *Network) Heal(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, link{from, to})
	n.wakeAll()
}

// HealAll ends all cuts and delays.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.links)
	n.wakeAll()
}

// Shield blocks, or unblocks, what others send over connections that they have dialled to
// a machine. Connections that the machine itself has dialled work both ways.
func (n *Network) Shield(machine string, shielded bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shielded[machine] = shielded
	n.wakeAll()
}

// Break closes every listener and connection of a machine, as happens when its process
// ends.
func (n *Network) Break(host string) {
	n.mu.Lock()
	var doomed []*pipe
	for p := range n.pipes {
		if p.link.from == host || p.link.to == host {
			doomed = append(doomed, p)
		}
	}
	var listeners []*listener
	for at, l := range n.listeners {
		if machineOf(at) == host {
			listeners = append(listeners, l)
		}
	}
	n.mu.Unlock()
	for _, p := range doomed {
		p.fail(errReset)
	}
	for _, l := range listeners {
		l.Close()
	}
}

// machineOf returns the machine that a host name belongs to.
func machineOf(host string) string {
	machine, _, _ := strings.Cut(host, "-")
	return machine
}

// Listen opens the only listener of a host.
func (n *Network) Listen(host string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[host] != nil {
		return nil, fmt.Errorf("listen %s: address in use", host)
	}
	l := &listener{network: n, host: host, incoming: make(chan net.Conn, 64), done: make(chan struct{})}
	n.listeners[host] = l
	return l, nil
}

// Dial connects a machine with a host. A cut in either direction makes it wait until that
// heals or ctx ends, as if the SYN were lost.
func (n *Network) Dial(ctx context.Context, from, host string) (net.Conn, error) {
	to := machineOf(host)
	for {
		n.mu.Lock()
		blocked := n.link(from, to).cut || n.link(to, from).cut || n.shielded[to]
		l := n.listeners[host]
		n.mu.Unlock()
		if !blocked {
			if l == nil {
				return nil, fmt.Errorf("dial %s: %w", host, syscall.ECONNREFUSED)
			}
			return n.connect(ctx, l, from, to)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// connect makes a connection and hands its far end to the listener.
func (n *Network) connect(ctx context.Context, l *listener, from, to string) (net.Conn, error) {
	n.mu.Lock()
	out := n.newPipe(from, to)
	back := n.newPipe(to, from)
	out.comesIn = true
	n.mu.Unlock()
	near := &conn{in: back, out: out, local: address(from), remote: address(to)}
	far := &conn{in: out, out: back, local: address(to), remote: address(from)}
	select {
	case l.incoming <- far:
		return near, nil
	case <-l.done:
		near.Close()
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	case <-ctx.Done():
		near.Close()
		return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
	}
}

func (n *Network) link(from, to string) *linkState {
	s := n.links[link{from, to}]
	if s == nil {
		s = &linkState{}
		n.links[link{from, to}] = s
	}
	return s
}

func (n *Network) wakeAll() {
	for p := range n.pipes {
		p.wake()
	}
}

// arrival returns the earliest time at which a byte that is sent now on a link can be read.
func (n *Network) arrival(l link) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	base := 50*time.Microsecond + time.Duration(n.rng.Int64N(int64(400*time.Microsecond)))
	return time.Now().Add(base + n.link(l.from, l.to).delay)
}

// isCut reports whether bytes on a pipe cannot arrive now.
func (n *Network) isCut(p *pipe) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.link(p.link.from, p.link.to).cut || p.comesIn && n.shielded[p.link.to]
}

type address string

func (a address) Network() string { return "simulated" }
func (a address) String() string  { return string(a) }

type listener struct {
	network  *Network
	host     string
	incoming chan net.Conn
	done     chan struct{}
	once     sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		if l.network.listeners[l.host] == l {
			delete(l.network.listeners, l.host)
		}
		l.network.mu.Unlock()
		close(l.done)
		for {
			select {
			case c := <-l.incoming:
				c.Close()
			default:
				return
			}
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.host) }
