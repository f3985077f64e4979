package main

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
)

// hostSeen dials a listener from a host of --peer-listen and returns where the connection came from.
func hostSeen(t *testing.T, host string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dialFrom(host)(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatalf("from %q: %v", host, err)
	}
	defer conn.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	seen, _, _ := net.SplitHostPort(accepted.RemoteAddr().String())
	return seen
}

func TestConnectionsToPeersComeFromTheHostOfPeerListen(t *testing.T) {
	own := "127.0.0.1"
	if runtime.GOOS == "linux" {
		own = "127.0.0.2" // other systems have only one loopback address
	}
	if seen := hostSeen(t, own); seen != own {
		t.Errorf("a node that listens on %s dialled from %s", own, seen)
	}
	// Nothing that is one address, and the other IP version: from any.
	for _, host := range []string{"", "0.0.0.0", "::", "localhost", "::1", "2001:db8::1"} {
		if seen := hostSeen(t, host); seen != "127.0.0.1" {
			t.Errorf("a node that listens on %q dialled from %s", host, seen)
		}
	}
}

func TestADestinationBeyondTheMachineIsNotDialledFromLoopback(t *testing.T) {
	control := bindTo(netip.MustParseAddr("127.0.0.1"))
	// A nil connection panics if it is touched.
	if err := control("tcp4", "192.0.2.1:16379", nil); err != nil {
		t.Error(err)
	}
	if err := control("tcp6", "[::1]:16379", nil); err != nil {
		t.Error(err)
	}
	if err := bindTo(netip.MustParseAddr("192.0.2.1"))("tcp4", "127.0.0.1:16379", nil); err != nil {
		t.Error(err)
	}
}
