package main

import "time"

const (
	nodeCount = 3

	// startWithin bounds a start of the cluster, settleWithin how long it may
	// take until all nodes are well again after a fault.
	startWithin  = 60 * time.Second
	settleWithin = 120 * time.Second
	pollPause    = 10 * time.Millisecond

	// retryPause keeps clients of a dead node from spinning.
	retryPause = 20 * time.Millisecond

	// turnPause keeps the clients of a stopping node from spinning, should all
	// nodes refuse.
	turnPause = time.Millisecond
	// awayFor is the time for which they stay with another node.
	awayFor = time.Second

	// pauseMin and pauseMax are on both sides of an election time-out, and
	// below the write time-out.
	pauseMin = 200 * time.Millisecond
	pauseMax = 3 * time.Second

	// downFor is the time for which a leader that was killed behind a network stays down.
	downFor = time.Second

	// goneFor is the time for which a leader stands still, or its machine is gone, that is to be
	// replaced meanwhile. stallFor is the time for which its disk stalls, and cutFor the time for
	// which it is cut off: longer than the write time-out, after which its clients have been told,
	// within answerSlack.
	goneFor     = 3 * time.Second
	stallFor    = 5 * time.Second
	cutFor      = 6 * time.Second
	answerMax   = 5*time.Second + answerSlack
	answerSlack = 500 * time.Millisecond

	// What the gaps may be, at the median and at most: if a leader's process ends, if it
	// falls silent, and if its disk stalls.
	killedP50   = 60 * time.Millisecond
	killedMax   = 300 * time.Millisecond
	silentP50   = 500 * time.Millisecond
	silentMax   = 1500 * time.Millisecond
	stalledDisk = 2500 * time.Millisecond

	// busyLoops run beside busyClients writers for each node.
	busyLoops   = 2
	busyClients = 50

	// calmMax bounds the time for which the cluster is left alone between two faults.
	calmMax = 300 * time.Millisecond

	// httpOffset is the distance of a node's HTTP port above its client port.
	httpOffset = 2000
	// peerOffset is that of its port for the other nodes.
	peerOffset = 10000

	// fillBatch keys are set by one command when the cluster is filled.
	fillBatch = 500
	// writersAt write to a filled cluster for as long as is measured.
	writersAt    = 4
	steadyFor    = 20 * time.Second
	snapshotWait = 5 * time.Minute

	// largeBytes is a large command's value, and largeKeys what is written beside it.
	largeBytes = 400 << 20
	largeKeys  = 10_000

	// joinWritesPerSecond go on while a node joins, from joinWriters connections.
	joinWritesPerSecond = 5000
	joinWriters         = 25
	// niceness of a polite joiner.
	niceness = 19

	idleFor     = 20 * time.Second
	idleSamples = 1000

	// clockTicks is the number of units of /proc/PID/stat in a second (USER_HZ).
	clockTicks = 100
)
