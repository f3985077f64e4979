// Package pipe is an in-memory network for tests. It has named addresses, synchronous unbuffered
// connections (net.Pipe), and links that can be cut and mended. It uses nothing outside the
// process, so a whole cluster runs on it in a testing/synctest bubble.
package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

var (
	errUnreachable = errors.New("unreachable")
	errRefused     = fmt.Errorf("dial: %w", syscall.ECONNREFUSED) // nobody listens there
	errInUse       = errors.New("address in use")
)

// Network is a set of listeners and the connections between them.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	conns     map[*conn]struct{}
	cut       map[[2]string]bool
}

// New makes an empty network.
func New() *Network {
	return &Network{listeners: map[string]*listener{}, conns: map[*conn]struct{}{}, cut: map[[2]string]bool{}}
}

type addr string

func (addr) Network() string  { return "pipe" }
func (a addr) String() string { return string(a) }

type listener struct {
	net  *Network
	addr addr
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

// Listen listens at an address. It fails if the address is in use.
func (n *Network) Listen(address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("listen %s: %w", address, errInUse)
	}
	l := &listener{net: n, addr: addr(address), ch: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.listeners, string(l.addr))
		l.net.mu.Unlock()
	})
	return nil
}

// conn is one end of a pipe between two addresses.
type conn struct {
	net.Conn
	net  *Network
	ends [2]string
}

// Close closes this end and removes it from the network.
func (c *conn) Close() error {
	c.net.mu.Lock()
	delete(c.net.conns, c)
	c.net.mu.Unlock()
	return c.Conn.Close()
}

// Dialer returns a dial function for the server at address from.
func (n *Network) Dialer(from string) func(ctx context.Context, to string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) { return n.dial(ctx, from, to) }
}

// dial connects to a listener. It fails if the link is cut or nobody listens.
func (n *Network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[to]
	switch {
	case n.cut[link(from, to)]:
		n.mu.Unlock()
		return nil, errUnreachable
	case l == nil:
		n.mu.Unlock()
		return nil, errRefused
	}
	a, b := net.Pipe()
	ours, theirs := &conn{a, n, [2]string{from, to}}, &conn{b, n, [2]string{from, to}}
	n.conns[ours], n.conns[theirs] = struct{}{}, struct{}{}
	n.mu.Unlock()
	select {
	case l.ch <- theirs:
		return ours, nil
	case <-l.done:
		ours.Close()
		theirs.Close()
		return nil, errRefused
	case <-ctx.Done():
		ours.Close()
		theirs.Close()
		return nil, ctx.Err()
	}
}

func link(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// Cut breaks all connections between two addresses and refuses new ones until Mend.
func (n *Network) Cut(a, b string) {
	n.mu.Lock()
	n.cut[link(a, b)] = true
	n.mu.Unlock()
	n.Break(a, b)
}

// Mend ends a cut.
func (n *Network) Mend(a, b string) {
	n.mu.Lock()
	delete(n.cut, link(a, b))
	n.mu.Unlock()
}

// Break breaks all connections between two addresses but allows new ones.
func (n *Network) Break(a, b string) {
	n.mu.Lock()
	var broken []*conn
	for c := range n.conns {
		if link(c.ends[0], c.ends[1]) == link(a, b) {
			broken = append(broken, c)
		}
	}
	n.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

// Open returns how many connection ends are open.
func (n *Network) Open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}
