package cluster

import "errors"

var (
	// ErrNotLeader means that the server asked is not the leader. Nothing was done.
	ErrNotLeader = errors.New("cluster: not the leader")
	// ErrBusy means that the server asked is overloaded. Nothing was done.
	ErrBusy = errors.New("cluster: busy")
	// ErrStarting means that the server asked has no running member yet. Nothing was done.
	ErrStarting = errors.New("cluster: starting")
	// ErrNoPlace means that this server no longer has a place in its cluster and must not run with
	// its data. Either it was removed, or its directory is a copy.
	ErrNoPlace = errors.New("cluster: this server has no place in its cluster")
	// ErrAlone means that this server is in no cluster and was told of no other server. It does not
	// found a cluster by itself, since its data directory may have been lost.
	ErrAlone = errors.New("cluster: this server is in no cluster, and is told of no other server")
)

// The replies to clients in redirect mode when no leader is known. The texts are the same as
// node's.
const (
	downForWrite = "CLUSTERDOWN no leader elected; the write was not applied"
	downForRead  = "CLUSTERDOWN no leader confirmed the read"
)

// Refused is the error for a request that asking again will not change. Text is for people and says
// what they can do.
type Refused struct{ Text string }

func (r *Refused) Error() string { return r.Text }

// notYet is the error for a request that cannot be met now but may be later. Its text is for
// people.
type notYet struct{ text string }

func (n *notYet) Error() string { return n.text }
