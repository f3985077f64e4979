package stage

import "time"

const (
	// NodeCount is the number of machines that a stage plays.
	NodeCount = 3

	// peerOffset, peerWireOffset and clientWireOffset are added to the first
	// client port: where nodes listen for each other, and the network's entries
	// in front of that and of the client ports.
	peerOffset       = 10
	peerWireOffset   = 20
	clientWireOffset = 30
	// sentinelOffset and sentinelWireOffset are the same for Sentinels.
	sentinelOffset     = 40
	sentinelWireOffset = 50

	// StartWithin bounds a start, and the recovery from a fault.
	StartWithin = 60 * time.Second
	// pollPause is between two looks at something that is waited for, and
	// lookWithin bounds such a look.
	pollPause  = 20 * time.Millisecond
	lookWithin = time.Second

	// engineWithin bounds one command of the container engine.
	engineWithin = 60 * time.Second
	// composeUpWithin bounds the first start of the containers, and the build before it.
	composeUpWithin = 10 * time.Minute

	// wireBytes is the number of bytes that one direction of a connection holds while it is cut.
	wireBytes = 64 << 10
	// dialWithin bounds the network's own dials, which stay on this machine.
	dialWithin = 2 * time.Second
	// targetPoll is between two looks whether a target that has gone is there again.
	targetPoll = 5 * time.Millisecond
	// acceptedFor is the time for which a target keeps a connection that tells whether it lives.
	acceptedFor = time.Millisecond

	// lastWordsBytesMax bounds how much of a process's log is shown when it fails.
	lastWordsBytesMax = 2 << 10
)
