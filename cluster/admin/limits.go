package admin

import "time"

// Limits of the package.
const (
	// askTimeout bounds how long INFO and ROLE wait for what other nodes say
	// of themselves; whoever has not answered by then is reported as offline.
	askTimeout = 100 * time.Millisecond

	// waitPauseMin and waitPauseMax bound the pause between two questions of
	// one WAIT to the other nodes; it doubles from one to the other.
	waitPauseMin = time.Millisecond
	waitPauseMax = 100 * time.Millisecond

	// waitTimeoutMax bounds the time-out of WAIT, in the range of a Duration.
	waitTimeoutMax = 365 * 24 * time.Hour

	// saveTimeout bounds a snapshot taken for BGSAVE, which no client waits for.
	saveTimeout = 30 * time.Minute

	// changeTimeout bounds a change of the members or of the leader that a
	// client asks for.
	changeTimeout = 30 * time.Second

	// digestTimeout and fullDigestTimeout bound the wait for all nodes' digests;
	// what is not there by then is reported as missing.
	digestTimeout     = 5 * time.Second
	fullDigestTimeout = time.Minute

	// loadingLag is how many entries a node may be behind before CLUSTER SHARDS
	// says that it is loading.
	loadingLag = 10_000

	// portMax is the largest TCP port, and busPortOffset what CLUSTER MEET adds
	// to a client port for the port of the nodes, as Redis does.
	portMax       = 65535
	busPortOffset = 10000
)
