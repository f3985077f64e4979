package main

import "time"

const (
	// dataDirDefault is the directory in which nodes keep their data by default.
	dataDirDefault = "kvorum-data"

	// portMax is the largest TCP port.
	portMax = 65535
	// clientPortDefault is the default port for clients, the same as Redis's.
	clientPortDefault = 6379
	// peerPortOffset and httpPortOffset are added to the client port to get the default
	// peer and HTTP ports, as Redis Cluster does for its bus.
	peerPortOffset = 10000
	httpPortOffset = 2000

	// writeTimeoutMin bounds --write-timeout from below. It exceeds the time that an
	// election takes: with less, clients would see errors at every change of leader.
	writeTimeoutMin     = time.Second
	writeTimeoutDefault = 5 * time.Second
	writeTimeoutMax     = 10 * time.Minute

	// staleReadMaxMax bounds --stale-read-max, as CONFIG SET does.
	staleReadMaxMax = (1<<31 - 1) * time.Millisecond

	// shutdownWithin bounds an orderly stop; what has not finished by then is cut off.
	shutdownWithin = 10 * time.Second
	// shutdownTogetherWithin bounds the stop of a node when local stops all nodes at once.
	// It is short, because what waits for a leader then would wait in vain.
	shutdownTogetherWithin = 2 * time.Second

	// stacksBytesMax bounds what SIGQUIT writes of the stacks of all goroutines.
	stacksBytesMax = 64 << 20

	// lastLinesWithin bounds how long a process that ends waits for a stream to accept
	// its last lines. A stalled stream must not keep the process alive.
	lastLinesWithin = time.Second

	// resolveWithin bounds the look-up of the members' names at the start. It only serves
	// a warning.
	resolveWithin = 2 * time.Second

	// localGoRunPoll is the interval at which local checks whether its parent, go run, still runs.
	localGoRunPoll = 500 * time.Millisecond

	// localNodesMax bounds --nodes, which keeps the nodes' ports apart and Raft's majorities small.
	localNodesMax = 9
	// localStopWithin bounds the time that local waits for its nodes to stop before it kills them.
	localStopWithin = shutdownTogetherWithin + 8*time.Second
	// localPoll is the interval at which local asks its nodes who leads. localPollStarting is the
	// interval until there is a first leader.
	localPoll         = 500 * time.Millisecond
	localPollStarting = 50 * time.Millisecond
	// localPollWithin bounds one such question, since a paused node never answers.
	localPollWithin = time.Second
	// localRestartAfter is the pause before a dead node is restarted, so that a node that
	// cannot start does not keep a core busy.
	localRestartAfter = time.Second

	// lastWordsBytesMax bounds how much local reads of the end of a dead node's log.
	lastWordsBytesMax = 4 << 10

	// healthWithin bounds the request of kvorum health.
	healthWithin = 2 * time.Second
	// answerBytesMax bounds how much of an HTTP response is read.
	answerBytesMax = 64 << 10

	// exitFailed, exitUnknown and exitNoLeader are exit codes: the request failed, its
	// outcome is unknown, or it succeeded but there is no leader.
	exitFailed   = 1
	exitUnknown  = 2
	exitQuit     = 2 // after SIGQUIT, as Go's runtime has it
	exitNoLeader = 3

	// askDialTimeout bounds how long members and status wait for a connection, and
	// askWithin how long they wait for a reply. The latter exceeds the time that a node
	// takes to change its members.
	askDialTimeout = 3 * time.Second
	askWithin      = 40 * time.Second
	// waitsAfter is the time that a change may take before its user is told what it waits for.
	// waitsEvery is the interval at which that is looked up again, and waitsWithin bounds each
	// look-up.
	waitsAfter  = 600 * time.Millisecond
	waitsEvery  = time.Second
	waitsWithin = time.Second
	// statusWithin bounds how long status waits for one node to describe itself.
	statusWithin = 3 * time.Second
	// skewRemarkMS is the difference between two clocks above which status remarks on it.
	skewRemarkMS = 500
)
