package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dialFromHost connects to an address as one of the machines would.
func dialFromHost(t *testing.T, host int, addr string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: HostIP(host)}}).Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// hears reports whether a line comes back within a time.
func hears(t *testing.T, conn net.Conn, within time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return err == nil
}

// echoes is a server that sends back each line, and ends as a killed process does.
type echoes struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func startEcho(t *testing.T, addr string) *echoes {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	e := &echoes{Listener: listener}
	t.Cleanup(e.kill)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, conn)
			e.mu.Unlock()
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return e
}

func (e *echoes) kill() {
	e.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, conn := range e.conns {
		conn.Close()
	}
}

// refused reports whether a dial fails as it does where nothing listens.
func refused(t *testing.T, from net.IP, addr string) bool {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).Dial("tcp", addr)
	if err == nil {
		conn.Close()
	} else if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return err != nil
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// The leader's connections end, and its followers dial it at once to see whether it has gone.
func TestTheEntryOfADeadProcessRefuses(t *testing.T) {
	n := NewNetwork()
	defer n.Close()
	target := startEcho(t, "127.0.0.1:0")
	addr, err := n.Expose(1, 0, target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		var conn net.Conn
		eventually(t, "the entry of a process that lives", func() bool {
			conn, err = net.Dial("tcp", addr)
			return err == nil
		})
		fmt.Fprintln(conn, "alive")
		if !hears(t, conn, 5*time.Second) {
			t.Fatal("nothing passes")
		}
		target.kill()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Fatal("a dead process speaks")
		}
		if !refused(t, HostIP(1), addr) {
			t.Fatalf("round %d: the network accepts for a process that has ended", round+1)
		}
		conn.Close()
		target = startEcho(t, target.Addr().String())
	}
}

func TestACutRefusesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs a second loopback address")
	}
	n := NewNetwork()
	defer n.Close()
	target := startEcho(t, "127.0.0.1:0")
	addr, err := n.Expose(1, 0, target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, far := dialFromHost(t, 1, addr), HostIP(2)
	fmt.Fprintln(near, "alive")
	if !hears(t, near, 5*time.Second) {
		t.Fatal("nothing passes")
	}
	n.Isolate(1)
	target.kill()
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Fatal("a dead process speaks")
	}
	if refused(t, far, addr) {
		t.Fatal("refused while a machine is cut off")
	}
	n.Heal()
	eventually(t, "the entry to refuse after the cut", func() bool { return refused(t, far, addr) })
	n.Isolate(1)
	eventually(t, "the entry to be silent in the next cut", func() bool { return !refused(t, far, addr) })
}

func TestACutIsSilentAndHealingLosesNothing(t *testing.T) {
	own, other := 1, 2
	if runtime.GOOS != "linux" {
		other = 1 // only one loopback address: only what stays open can be shown
	}
	n := NewNetwork()
	defer n.Close()
	addr, err := n.Expose(own, 0, startEcho(t, "127.0.0.1:0").Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	near, far := dialFromHost(t, own, addr), dialFromHost(t, other, addr)
	for _, conn := range []net.Conn{near, far} {
		fmt.Fprintln(conn, "before")
		if !hears(t, conn, 5*time.Second) {
			t.Fatal("nothing passes a network that is whole")
		}
	}
	n.Isolate(own)
	fresh := dialFromHost(t, other, addr)
	for _, conn := range []net.Conn{near, far, fresh} {
		fmt.Fprintln(conn, "during")
	}
	if !hears(t, near, 5*time.Second) {
		t.Error("a machine that is cut off does not reach itself")
	}
	if other != own && (hears(t, far, 50*time.Millisecond) || hears(t, fresh, 50*time.Millisecond)) {
		t.Error("something passes a cut")
	}
	n.Heal()
	if other != own && (!hears(t, far, 5*time.Second) || !hears(t, fresh, 5*time.Second)) {
		t.Error("what was sent during the cut is lost")
	}
}
