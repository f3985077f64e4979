package stage

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
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

func TestACutIsSilentAndHealingLosesNothing(t *testing.T) {
	own, other := 1, 2
	if runtime.GOOS != "linux" {
		other = 1 // only one loopback address: only what stays open can be shown
	}
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				for in := bufio.NewReader(conn); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						conn.Close()
						return
					}
					fmt.Fprint(conn, line)
				}
			}()
		}
	}()
	n := NewNetwork()
	defer n.Close()
	if _, err := n.Expose(own, 0, echo.Addr().String()); err != nil {
		t.Fatal(err)
	}
	addr := n.listeners[0].Addr().String()

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
