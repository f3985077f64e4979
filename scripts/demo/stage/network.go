package stage

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// Network is what lies between the machines of a stage. Machine i has the
// address 127.0.0.i; whoever reaches it comes through an entry of the network
// (Expose), and is told apart by the address that it comes from. A cut is
// silent, as a pulled cable is: what was under way waits, connections stay, new
// ones are accepted and hear nothing, until Heal.
type Network struct {
	mu        sync.Mutex
	isolated  map[int]bool
	changed   chan struct{} // closed at every cut and heal
	closed    bool
	listeners []net.Listener
	conns     map[net.Conn]struct{}
	running   sync.WaitGroup
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

// Expose opens an entry: what connects to the machine at this port reaches the
// target, which is on the same machine.
func (n *Network) Expose(host, port int, target string) (addr string, err error) {
	addr = net.JoinHostPort(HostIP(host).String(), strconv.Itoa(port))
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("open the network's port: %w; choose others with -port", err)
	}
	n.mu.Lock()
	n.listeners = append(n.listeners, listener)
	n.mu.Unlock()
	n.running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			n.running.Go(func() { n.carry(from, host, target) })
		}
	})
	return addr, nil
}

// Isolate cuts a machine off from all others.
func (n *Network) Isolate(host int) { n.change(func() { n.isolated[host] = true }) }

// Heal ends all cuts.
func (n *Network) Heal() { n.change(func() { clear(n.isolated) }) }

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
		for _, l := range n.listeners {
			l.Close()
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
func (n *Network) carry(from net.Conn, host int, target string) {
	defer n.drop(from)
	source := hostOf(from.RemoteAddr())
	if !n.track(from) || !n.passable(source, host) {
		return
	}
	to, err := (&net.Dialer{Timeout: dialWithin}).Dial("tcp", target)
	if err != nil {
		return
	}
	defer n.drop(to)
	if !n.track(to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { n.pump(from, to, source, host) })
	n.pump(to, from, source, host)
	back.Wait()
}

// pump carries one direction. At its end both connections end: nothing on this
// stage half-closes.
func (n *Network) pump(to io.WriteCloser, from io.ReadCloser, source, host int) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, wireBytes)
	for {
		read, err := from.Read(buffer)
		if read > 0 {
			if !n.passable(source, host) {
				return
			}
			if _, err := to.Write(buffer[:read]); err != nil {
				return
			}
		}
		if err != nil {
			n.passable(source, host) // nor does the end of a connection pass a cut
			return
		}
	}
}
