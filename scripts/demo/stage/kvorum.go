package stage

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/scripts/client"
)

// Node is one member of a cluster, as a client of the same machine reaches it.
type Node struct {
	ID   string
	Addr string
	// Wire is the address at which clients of other machines reach it, through the network; "" if
	// there is none.
	Wire string
}

// Kvorum is a cluster of `kvorum serve` processes.
type Kvorum struct {
	stage     *Stage
	nodes     []Node
	processes map[string]*Process // by id
}

// Plan says how a cluster is to be started.
type Plan struct {
	Binary  string
	Port    int      // of the first node's clients; the others follow from it
	Network *Network // nil: all nodes are on 127.0.0.1, and nothing can be cut
}

// StartKvorum starts a cluster and waits until it serves.
func (s *Stage) StartKvorum(ctx context.Context, plan Plan) (*Kvorum, error) {
	k := &Kvorum{stage: s, processes: map[string]*Process{}}
	var members, peers []string
	for i := range NodeCount {
		node, listen, advertised, err := plan.node(i)
		if err != nil {
			return nil, err
		}
		k.nodes = append(k.nodes, node)
		members, peers = append(members, node.ID+"="+advertised), append(peers, listen)
	}
	for i, node := range k.nodes {
		process, err := s.Run(node.ID, plan.Binary, "serve", "--id="+node.ID, "--listen="+node.Addr, "--advertise="+node.Addr,
			"--peer-listen="+peers[i], "--cluster="+strings.Join(members, ","), "--http=none",
			"--data="+filepath.Join(s.dir, node.ID), "--parent-pipe="+strconv.Itoa(parentPipe))
		if err != nil {
			return nil, err
		}
		k.processes[node.ID] = process
	}
	return k, k.Ready(ctx)
}

// node settles the addresses of one node, and its entries of the network.
func (p Plan) node(i int) (node Node, peerListen, peerAdvertised string, err error) {
	host := 1
	if p.Network != nil {
		host = i + 1
	}
	at := func(offset int) string { return net.JoinHostPort(HostIP(host).String(), strconv.Itoa(p.Port+offset+i)) }
	node = Node{ID: "n" + strconv.Itoa(i+1), Addr: at(0)}
	peerListen, peerAdvertised = at(peerOffset), at(peerOffset)
	for _, addr := range []string{node.Addr, peerListen} {
		free, err := net.Listen("tcp", addr)
		if err != nil {
			return node, "", "", fmt.Errorf("%s is in use; stop what listens there, or choose other ports with -port", addr)
		}
		free.Close()
	}
	if p.Network == nil {
		return node, peerListen, peerAdvertised, nil
	}
	if peerAdvertised, err = p.Network.Expose(host, p.Port+peerWireOffset+i, peerListen); err != nil {
		return node, "", "", err
	}
	node.Wire, err = p.Network.Expose(host, p.Port+clientWireOffset+i, node.Addr)
	return node, peerListen, peerAdvertised, err
}

// Nodes are the members, in the order of their ids.
func (k *Kvorum) Nodes() []Node { return k.nodes }

// Kill kills a node as kill -9 does.
func (k *Kvorum) Kill(_ context.Context, id string) error {
	k.processes[id].Kill()
	return nil
}

// Start starts a killed node.
func (k *Kvorum) Start(_ context.Context, id string) error { return k.processes[id].Start() }

// Ready waits until every node serves.
func (k *Kvorum) Ready(ctx context.Context) error {
	return k.stage.await(ctx, "all nodes to be ready", func() bool { return ready(k.nodes) })
}

// Close leaves the processes to the stage.
func (k *Kvorum) Close() {}

// ready asks every node once.
func ready(nodes []Node) bool {
	for _, node := range nodes {
		conn := client.Conn{Addr: node.Addr, Within: lookWithin}
		view, err := conn.Look()
		conn.Close()
		if err != nil || !view.Ready {
			return false
		}
	}
	return true
}
