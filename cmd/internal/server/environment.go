// Package server wires one node together: data directory, peer endpoint, first
// start, member, clients, health. The binary runs it on real sockets and
// disks; the simulation runs the same code on fakes of them.
package server

import (
	"context"
	"net"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/node"
)

// Environment is everything that a server takes from outside.
type Environment struct {
	ListenPeers   func() (net.Listener, error)
	DialPeer      func(ctx context.Context, addr string) (net.Conn, error) // resolves the name at every call
	ListenClients func() (net.Listener, error)                             // nil: no client port (simulation)
	ListenHTTP    func() (net.Listener, error)                             // nil: no HTTP port
	Clock         node.Clock
	Disk          Disk
}

// fallible is a Disk that can say that it stores nothing any more, for which
// the server has to end.
type fallible interface {
	Failed() <-chan struct{} // closed when it has failed
	Err() error
}

// holding is a Disk that remembers whether this node's operator holds upgrades.
type holding interface {
	cluster.UpgradeHold
	// HoldUpgrade says whether the machine's version is not to be raised yet, until
	// it says otherwise.
	HoldUpgrade(hold bool) error
}

// Disk is a server's data directory, locked by this process.
type Disk interface {
	cluster.Vault
	// RaiseBoot raises the boot number, syncs it and returns it.
	RaiseBoot() (uint64, error)
	// Condemn records that what is stored here has diverged from the other
	// servers': it must not be opened again.
	Condemn(reason string) error
	// Stores opens what Raft persists to.
	Stores() (node.Stores, error)
	Close() error
}
