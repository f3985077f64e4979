// Package server assembles one node: data directory, peer port, entry into the
// cluster, member, client port, health port. The binary runs it on real sockets and
// disks. The simulation runs the same code on fakes of them.
package server

import (
	"context"
	"net"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/node"
)

// Environment holds everything that a server uses from outside the process.
type Environment struct {
	ListenPeers   func() (net.Listener, error)
	DialPeer      func(ctx context.Context, addr string) (net.Conn, error) // resolves the name on every call
	ListenClients func() (net.Listener, error)                             // nil: no client port (simulation)
	ListenHTTP    func() (net.Listener, error)                             // nil: no HTTP port
	Clock         node.Clock
	Disk          Disk
}

// fallible is a Disk that can report that it no longer stores anything. The server
// has to stop then.
type fallible interface {
	Failed() <-chan struct{} // closed when it has failed
	Err() error
}

// holding is a Disk that remembers whether this node's operator puts upgrades on hold.
type holding interface {
	cluster.UpgradeHold
	// HoldUpgrade stores whether the raise of the machine's version is on hold. The
	// choice stays until the next call.
	HoldUpgrade(hold bool) error
}

// Disk is a server's data directory, locked by this process.
type Disk interface {
	cluster.Vault
	// RaiseBoot raises the boot number, syncs it and returns it.
	RaiseBoot() (uint64, error)
	// Condemn records that the data here has diverged from the other servers'.
	// It must not be opened again.
	Condemn(reason string) error
	// Stores opens the stores to which Raft persists.
	Stores() (node.Stores, error)
	Close() error
}
