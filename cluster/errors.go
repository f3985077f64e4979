package cluster

import "errors"

var (
	// ErrNotLeader means that the server asked does not lead; nothing was done.
	ErrNotLeader = errors.New("cluster: not the leader")
	// ErrBusy means that the server asked has too much to do; nothing was done.
	ErrBusy = errors.New("cluster: busy")
	// ErrStarting means that the server asked has no running member yet; nothing was done.
	ErrStarting = errors.New("cluster: starting")
	// ErrNoPlace means that this server has no place in its cluster (any more)
	// and must not run with its data: it was removed, or its directory is a copy.
	ErrNoPlace = errors.New("cluster: this server has no place in its cluster")
	// ErrAlone means that this server is in no cluster, and was told of no other
	// server: it founds none by itself, since its data directory may have been lost.
	ErrAlone = errors.New("cluster: this server is in no cluster, and is told of no other server")
)

// What a client is told in redirect mode when no leader is known (the table of
// replies in the design; the texts are node's).
const (
	downForWrite = "CLUSTERDOWN no leader elected; the write was not applied"
	downForRead  = "CLUSTERDOWN no leader confirmed the read"
)

// Refused is what is not done for a reason that asking again does not change;
// Text is for people and says what they can do.
type Refused struct{ Text string }

func (r *Refused) Error() string { return r.Text }

// notYet is what cannot be done now, with a text for people; asking again may do it.
type notYet struct{ text string }

func (n *notYet) Error() string { return n.text }
