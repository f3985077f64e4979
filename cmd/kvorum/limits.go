package main

import "time"

const (
	// dataDirDefault is where nodes keep their data when nobody says.
	dataDirDefault = "kvorum-data"

	// portMax is the largest TCP port.
	portMax = 65535
	// clientPortDefault is Redis's.
	clientPortDefault = 6379
	// peerPortOffset and httpPortOffset are added to a node's client port, as
	// Redis Cluster does for its bus.
	peerPortOffset = 10000
	httpPortOffset = 2000

	// writeTimeoutMin is above the time that an election takes; below it every
	// change of leader would be an error to clients.
	writeTimeoutMin     = time.Second
	writeTimeoutDefault = 5 * time.Second
	writeTimeoutMax     = 10 * time.Minute

	// staleReadMaxMax bounds --stale-read-max; CONFIG SET takes no more either.
	staleReadMaxMax = (1<<31 - 1) * time.Millisecond

	// shutdownWithin bounds an orderly stop; what is not finished then is cut.
	shutdownWithin = 10 * time.Second
	// shutdownTogetherWithin bounds the stop of all of local's nodes at once:
	// what then still waits for a leader waits in vain.
	shutdownTogetherWithin = 2 * time.Second

	// stacksBytesMax bounds what SIGQUIT writes of the stacks of all goroutines.
	stacksBytesMax = 64 << 20

	// lastLinesWithin bounds how long a process that ends waits for a stream to take
	// its last lines: a stalled one must not keep it.
	lastLinesWithin = time.Second

	// resolveWithin bounds the look-up of the members' names at start, which
	// serves only a warning.
	resolveWithin = 2 * time.Second

	// localGoRunPoll is how often local looks whether go run, its parent, is still there.
	localGoRunPoll = 500 * time.Millisecond

	// localNodesMax keeps the ports of local's nodes apart, and Raft's majorities small.
	localNodesMax = 9
	// localStopWithin is how long local waits for its nodes to end before it kills them.
	localStopWithin = shutdownTogetherWithin + 8*time.Second
	// localPoll is how often local asks its nodes for their leader, and
	// localPollStarting how often until there is the first.
	localPoll         = 500 * time.Millisecond
	localPollStarting = 50 * time.Millisecond
	// localPollWithin bounds one such question; a paused node answers none.
	localPollWithin = time.Second
	// localRestartAfter is the pause before a dead node is started again, so that
	// one that cannot start does not keep a core busy.
	localRestartAfter = time.Second

	// lastWordsBytesMax is how much of a dead node's log local looks at.
	lastWordsBytesMax = 4 << 10

	// healthWithin bounds the probe's question.
	healthWithin = 2 * time.Second
	// answerBytesMax bounds what is read of an HTTP answer.
	answerBytesMax = 64 << 10

	// exitFailed, exitUnknown and exitNoLeader are exit codes: not done, not
	// known to be done, and done but there is no leader.
	exitFailed   = 1
	exitUnknown  = 2
	exitQuit     = 2 // after SIGQUIT, as Go's runtime has it
	exitNoLeader = 3

	// askDialTimeout bounds how long members and status wait for a connection,
	// askWithin for an answer: longer than a node takes to change its members.
	askDialTimeout = 3 * time.Second
	askWithin      = 40 * time.Second
	// A person is told after waitsAfter what a change waits for. That is looked at again
	// every waitsEvery, each time for waitsWithin at most.
	waitsAfter  = 600 * time.Millisecond
	waitsEvery  = time.Second
	waitsWithin = time.Second
	// statusWithin bounds how long status waits for what one node says of itself.
	statusWithin = 3 * time.Second
	// skewRemarkMS is from which difference between two clocks on status remarks it.
	skewRemarkMS = 500
)
