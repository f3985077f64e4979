package server

import "time"

const (
	// httpHeaderWithin, httpRequestWithin, httpAnswerWithin and httpHeaderBytesMax
	// keep a slow or hostile asker from holding the health port.
	httpHeaderWithin   = 5 * time.Second
	httpRequestWithin  = 10 * time.Second
	httpAnswerWithin   = 30 * time.Second
	httpHeaderBytesMax = 16 << 10

	// httpIdleWithin ends a connection on which nothing more is asked.
	httpIdleWithin = time.Minute
	// httpConnectionsMax bounds the connections to the health port, for which
	// descriptors are reserved.
	httpConnectionsMax = 32
	// httpCloseWithin bounds how long a stop waits for answers under way there.
	httpCloseWithin = 500 * time.Millisecond

	// Clients leave descriptors to the rest: were there none left, the log could not go
	// on, and the process would have to end. A descriptorsShare-th of them, within
	// bounds, is for files, and as many for what others open to the peer port.
	descriptorsShare = 8
	filesReservedMin = 48
	filesReservedMax = 320 // the segments of the largest log between two snapshots
	peersReservedMin = 48
	peersReservedMax = 320
	// dialsReserved is for what this server dials: up to eight others, several each.
	dialsReserved = 48

	// handOverWithin bounds the search for a new leader at a stop: two elections.
	handOverWithin = 3 * time.Second

	// stopGrace is how long an orderly stop may take after its time is over,
	// longer than a node's own.
	stopGrace = 4 * time.Second

	// leaderlessMax is how long a member may have had no leader, which is many
	// elections, before it asks whether it has been removed; leaderlessEvery is
	// how often that is looked at.
	leaderlessMax   = 10 * time.Second
	leaderlessEvery = time.Second

	// gatePatience is how long after its start a node has clients wait until it
	// serves, before it answers LOADING: as long as they wait for any other answer.
	gatePatience = 5 * time.Second
	// registrationLook is how often those who wait for their client id look
	// whether this process is registered.
	registrationLook = 10 * time.Millisecond

	// stopWithin bounds an orderly stop that no caller bounds: SHUTDOWN's, or one
	// after a failure.
	stopWithin = 10 * time.Second

	// collapseWithin and collapseGrace bound the stop of a server whose member or
	// disk has failed, or that was removed: together they are less than a second.
	collapseWithin = 500 * time.Millisecond
	collapseGrace  = 250 * time.Millisecond
)
