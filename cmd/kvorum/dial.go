package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dialFrom returns the function with which this node dials others. If the host of
// --peer-listen is a single IP address, connections come from it, so that a firewall can
// tell apart nodes on the same computer. The system chooses the source address if the
// host is a name or stands for all interfaces. It also does so for a destination that
// cannot be reached from the host: one of the other IP version, or one outside the
// computer when the host is a loopback address. The destination's name is resolved on
// every call, because a restarted container has another address.
func dialFrom(host string) func(ctx context.Context, addr string) (net.Conn, error) {
	dialer := &net.Dialer{}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() && ip.Zone() == "" {
		dialer.Control = bindTo(ip.Unmap())
	}
	return func(ctx context.Context, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", addr)
	}
}

// bindTo returns a Control function for net.Dialer that binds the socket to ip where the
// destination allows it. The dialer's own LocalAddr would refuse destinations of the
// other IP version.
func bindTo(ip netip.Addr) func(network, addr string, conn syscall.RawConn) error {
	var from unix.Sockaddr = &unix.SockaddrInet6{Addr: ip.As16()}
	version := "6"
	if ip.Is4() {
		from, version = &unix.SockaddrInet4{Addr: ip.As4()}, "4"
	}
	return func(network, addr string, conn syscall.RawConn) error {
		to, err := netip.ParseAddrPort(addr)
		if err != nil || !strings.HasSuffix(network, version) || to.Addr().Unmap().IsLoopback() != ip.IsLoopback() {
			return nil
		}
		var bound error
		if err := conn.Control(func(fd uintptr) { bound = unix.Bind(int(fd), from) }); err != nil {
			return err
		}
		return bound
	}
}
