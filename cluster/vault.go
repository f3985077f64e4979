package cluster

import "github.com/kvorum/kvorum/fsm/member"

// Vault keeps a server's identity on its disk. A method that stores something returns only when it
// is synced.
type Vault interface {
	Identity() member.Identity
	// Promise binds the server to a first configuration. Repeating the same promise changes
	// nothing; a different one is refused.
	Promise(f member.Formation) error
	// Join records the cluster that has admitted this server, and the peer addresses through which
	// it was found.
	Join(cluster string, seeds []string) error
	// Settle records that this server no longer asks by itself to be made a voter.
	Settle() error
}
