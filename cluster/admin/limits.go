package admin

import "time"

// The limits of the package.
const (
	// askTimeout bounds how long INFO and ROLE wait for other nodes' answers. A node that has not
	// answered by then is reported as offline.
	askTimeout = 100 * time.Millisecond

	// waitPauseMin and waitPauseMax bound the pause between two rounds of questions of one WAIT.
	// The pause doubles from the first to the second.
	waitPauseMin = time.Millisecond
	waitPauseMax = 100 * time.Millisecond

	// waitTimeoutMax bounds the time-out of WAIT, so that it fits a Duration.
	waitTimeoutMax = 365 * 24 * time.Hour

	// saveTimeout bounds a snapshot for BGSAVE, for which no client waits.
	saveTimeout = 30 * time.Minute

	// changeTimeout bounds a client's request to change the members or the leader.
	changeTimeout = 30 * time.Second

	// digestTimeout and fullDigestTimeout bound the wait for all nodes' digests. A digest that has
	// not arrived by then is reported as missing.
	digestTimeout     = 5 * time.Second
	fullDigestTimeout = time.Minute

	// loadingLag bounds the number of entries that a node may be behind before CLUSTER SHARDS
	// reports it as loading.
	loadingLag = 10_000

	// portMax is the largest TCP port. CLUSTER MEET adds busPortOffset to a client port to get the
	// peer port, as in Redis.
	portMax       = 65535
	busPortOffset = 10000
)
