package stage

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// Network connects the machines of a stage. Machine i has the address 127.0.0.i; whoever reaches it
// comes through an entry of the network (Expose), and is told apart by the address that it comes
// from. A cut is silent, as a pulled cable is: what was under way waits, connections stay, new ones
// are accepted and hear nothing, until Heal. Where nothing listens on a machine that can be
// reached, its entry refuses, as the machine would.
type Network struct {
	mu       sync.Mutex
	isolated map[int]bool
	changed  chan struct{} // closed at every cut and heal
	closed   bool
	entries  []*entry
	conns    map[net.Conn]struct{}
	running  sync.WaitGroup
}

// NewNetwork makes a network in which everybody reaches everybody.
func NewNetwork() *Network {
	return &Network{isolated: map[int]bool{}, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// HostIP is the address of a machine.
func HostIP(host int) net.IP { return net.IPv4(127, 0, 0, byte(host)) }

// hostOf is the machine that an address belongs to.
func hostOf(addr net.Addr) int {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.To4() == nil {
		return 0
	}
	return int(tcp.IP.To4()[3])
}

// CheckHosts says what is missing where this machine lacks an address of the network.
func CheckHosts() error {
	for host := 1; host <= NodeCount; host++ {
		listener, err := net.Listen("tcp", net.JoinHostPort(HostIP(host).String(), "0"))
		if err != nil {
			return fmt.Errorf("this demo gives each node an address of its own, and this machine has no %v.\n"+
				"On macOS, give it that until the next restart, and start the demo again:\n\n"+
				"    sudo ifconfig lo0 alias 127.0.0.2 up\n    sudo ifconfig lo0 alias 127.0.0.3 up\n\n(%w)", HostIP(host), err)
		}
		listener.Close()
	}
	return nil
}

// Isolate cuts a machine off from all others.
func (n *Network) Isolate(host int) { n.change(func() { n.isolated[host] = true }) }

// Heal ends all cuts.
func (n *Network) Heal() {
	var entries []*entry
	n.change(func() { clear(n.isolated); entries = slices.Clone(n.entries) })
	for _, e := range entries {
		n.running.Go(func() { n.look(e) }) // what has ended meanwhile refuses from now on
	}
}

func (n *Network) change(how func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	how()
	close(n.changed)
	n.changed = make(chan struct{})
}

// Close ends all connections.
func (n *Network) Close() {
	n.change(func() {
		n.closed = true
		for _, e := range n.entries {
			e.listener.Close()
		}
		for conn := range n.conns {
			conn.Close()
		}
	})
	n.running.Wait()
}

// passable waits until two machines reach each other, and is false at the end.
func (n *Network) passable(a, b int) bool {
	for {
		n.mu.Lock()
		closed, cut, changed := n.closed, a != b && (n.isolated[a] || n.isolated[b]), n.changed
		n.mu.Unlock()
		if closed || !cut {
			return !closed
		}
		<-changed
	}
}

func (n *Network) track(conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[conn] = struct{}{}
	return !n.closed
}

func (n *Network) drop(conn net.Conn) {
	conn.Close()
	n.mu.Lock()
	delete(n.conns, conn)
	n.mu.Unlock()
}

// carry joins a connection from outside to its target.
func (n *Network) carry(from net.Conn, e *entry) {
	defer n.drop(from)
	source := hostOf(from.RemoteAddr())
	if !n.track(from) || !n.passable(source, e.host) {
		return
	}
	to, err := (&net.Dialer{Timeout: dialWithin}).Dial("tcp", e.target)
	if err != nil {
		n.refuse(e)
		reset(from)
		return
	}
	defer n.drop(to)
	if !n.track(to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { n.part(e, n.pump(from, to, source, e.host).read, from, to) })
	n.part(e, n.pump(to, from, source, e.host).write, from, to)
	back.Wait()
}

// part ends both halves of a connection, of which one has ended. If the target's has,
// the entry is looked at before: whoever dials again at once is refused by a target
// that has gone. Nothing on this stage half-closes.
func (n *Network) part(e *entry, target error, from, to net.Conn) {
	if target != nil && !errors.Is(target, net.ErrClosed) {
		n.look(e)
	}
	from.Close()
	to.Close()
}

// pumped holds what ended one direction of a connection: nil, nil for the network's own end.
type pumped struct{ read, write error }

// pump carries one direction until it ends.
func (n *Network) pump(to io.Writer, from io.Reader, source, host int) pumped {
	buffer := make([]byte, wireBytes)
	for {
		read, err := from.Read(buffer)
		if read > 0 {
			if !n.passable(source, host) {
				return pumped{}
			}
			if _, err := to.Write(buffer[:read]); err != nil {
				return pumped{write: err}
			}
		}
		if err != nil {
			n.passable(source, host) // nor does the end of a connection pass a cut
			return pumped{read: err}
		}
	}
}
