package stage

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// entry is the place at which a target is reached from other machines. It listens while the
// target does, and while there is a cut, in which nobody hears a refusal.
type entry struct {
	host     int
	addr     string
	target   string
	listener net.Listener // guarded by the network's mutex
}

// Expose opens an entry: what connects to the machine at this port reaches the
// target, which is on the same machine.
func (n *Network) Expose(host, port int, target string) (addr string, err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(HostIP(host).String(), strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("open the network's port: %w; choose others with -port", err)
	}
	e := &entry{host: host, addr: listener.Addr().String(), target: target, listener: listener}
	n.mu.Lock()
	n.entries = append(n.entries, e)
	n.mu.Unlock()
	n.running.Go(func() { n.tend(e) })
	n.look(e)
	return e.addr, nil
}

// tend accepts connections while the entry listens, and has it listen again when its
// target does.
func (n *Network) tend(e *entry) {
	for {
		n.mu.Lock()
		listener := e.listener
		n.mu.Unlock()
		for {
			from, err := listener.Accept()
			if err != nil {
				break
			}
			n.running.Go(func() { n.carry(from, e) })
		}
		if !n.reopen(e) {
			return
		}
	}
}

// reopen waits until a closed entry has to listen, and is false at the end of the network.
func (n *Network) reopen(e *entry) bool {
	for ; ; time.Sleep(targetPoll) {
		n.mu.Lock()
		closed, cut := n.closed, len(n.isolated) > 0
		n.mu.Unlock()
		if closed {
			return false
		}
		if !cut && !answers(e.target) {
			continue
		}
		listener, err := net.Listen("tcp", e.addr)
		if err != nil {
			continue // the last connection's traces are still there
		}
		n.mu.Lock()
		e.listener, closed = listener, n.closed
		n.mu.Unlock()
		if closed {
			listener.Close()
		}
		return !closed
	}
}

// look closes an entry whose target has gone.
func (n *Network) look(e *entry) {
	if !answers(e.target) {
		n.refuse(e)
	}
}

// refuse closes an entry, so that the kernel refuses for it.
func (n *Network) refuse(e *entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.isolated) == 0 {
		e.listener.Close()
	}
}

// answers reports whether something listens at an address. A process that is being
// killed may still accept while its other connections end already: so it has to keep
// the connection for a moment.
func answers(target string) bool {
	conn, err := net.DialTimeout("tcp", target, dialWithin)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(acceptedFor)); err != nil {
		return false
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		again, err := net.DialTimeout("tcp", target, dialWithin)
		if err != nil {
			return false
		}
		again.Close()
	}
	return true
}

// reset ends a connection as a kernel does that has nobody for it.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may have ended
	}
}
