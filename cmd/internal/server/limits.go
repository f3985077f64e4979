package server

import "time"

const (
	// httpHeaderWithin, httpRequestWithin, httpAnswerWithin and httpHeaderBytesMax
	// keep a slow or hostile client from blocking the health port.
	httpHeaderWithin   = 5 * time.Second
	httpRequestWithin  = 10 * time.Second
	httpAnswerWithin   = 30 * time.Second
	httpHeaderBytesMax = 16 << 10

	// httpIdleWithin bounds the time that a connection to the health port may stay idle.
	httpIdleWithin = time.Minute
	// httpConnectionsMax bounds the connections to the health port. Descriptors are
	// reserved for all of them.
	httpConnectionsMax = 32
	// httpCloseWithin bounds how long a stop waits for requests under way on that port.
	httpCloseWithin = 500 * time.Millisecond

	// Some descriptors are reserved, so that clients cannot use them all: without
	// one, the log could not open its next segment and the process would have to stop.
	// One descriptorsShare-th of all, within bounds, is for files, and as many again for
	// incoming connections to the peer port.
	descriptorsShare = 8
	filesReservedMin = 48
	filesReservedMax = 320 // the segments of the largest log between two snapshots
	peersReservedMin = 48
	peersReservedMax = 320
	// dialsReserved is the number of descriptors that are reserved for outgoing connections:
	// several to each of up to eight other servers.
	dialsReserved = 48

	// handOverWithin bounds the hand-over of leadership at a stop. It leaves time for
	// two elections.
	handOverWithin = 3 * time.Second

	// stopGrace bounds the time by which an orderly stop may overrun its deadline. It exceeds the
	// node's own grace.
	stopGrace = 4 * time.Second

	// leaderlessMax is the time that a member goes without a leader before it asks whether it has
	// been removed. It spans many elections. leaderlessEvery is the interval between checks.
	leaderlessMax   = 10 * time.Second
	leaderlessEvery = time.Second

	// gatePatience bounds the time after its start in which a node lets clients wait. Later, it
	// replies LOADING. They wait as long for any other reply.
	gatePatience = 5 * time.Second
	// registrationLook is the interval at which a client that waits for its id checks whether this
	// process is registered.
	registrationLook = 10 * time.Millisecond

	// stopWithin bounds an orderly stop whose caller sets no deadline: after SHUTDOWN, or
	// after a failure.
	stopWithin = 10 * time.Second

	// collapseWithin and collapseGrace bound the stop of a server that was removed, or
	// whose member or disk has failed. Together they stay below one second.
	collapseWithin = 500 * time.Millisecond
	collapseGrace  = 250 * time.Millisecond
)
