package cluster

import "time"

const (
	// membersMax bounds the list of a first start: a larger cluster gains
	// nothing from more voters.
	membersMax = 9
	// serversMax bounds a configuration, non-voters included: the leader sends
	// to each of them.
	serversMax = 32
	// seedsMax bounds the addresses through which a cluster is looked for.
	seedsMax = 32
	// handlersMax bounds questions about membership that are worked on at once;
	// more are answered busy.
	handlersMax = 32
	// hopsMax is how often a request may have been passed on: once, to the leader.
	hopsMax = 1
	// messageBytesMax bounds a message about membership.
	messageBytesMax = 64 << 10

	// releaseBytesMax bounds the name of a release that servers tell each other.
	releaseBytesMax = 64

	// surveyEvery is how often a server that is not in a cluster yet asks the
	// others, and how often promises are asked for again.
	surveyEvery = 500 * time.Millisecond
	// reportEvery is how often a start that waits says for whom.
	reportEvery = 5 * time.Second
	// awaitingEvery passes between two looks of a promised server at why its cluster does
	// not begin; most begin before the first.
	awaitingEvery = 2 * time.Second
	// askTimeout bounds one question to one server during a start.
	askTimeout = 2 * time.Second
	// admitTimeout bounds an admission: two changes of the configuration.
	admitTimeout = 15 * time.Second
	// askAdmitTimeout bounds one question for a place, put to one server, which
	// may pass it on. Asking again is harmless.
	askAdmitTimeout = 5 * time.Second
	// askNext passes without an answer to such a question before more servers are asked;
	// askedMax bounds those that are asked at once.
	askNext  = 200 * time.Millisecond
	askedMax = 16
	// settleEvery is how often a server asks whether it is a voter yet.
	settleEvery = 500 * time.Millisecond
	// caughtUpEntries is how far a new server's machine may be behind the
	// leader's to count as caught up.
	caughtUpEntries = 64
	// caughtUpFor is how long it has to stay so before it becomes a voter.
	caughtUpFor = time.Second
	// runningTimeout bounds the question whether a server that is to be
	// replaced still runs.
	runningTimeout = time.Second
	// lookedWithin is how long a look at a server that is catching up counts;
	// when nobody has looked for longer, its time begins again.
	lookedWithin = 4 * settleEvery
	// ChangeWithin bounds a change of the membership that an operator asks for.
	ChangeWithin = 30 * time.Second
	// changeEvery is how often one that could not be made is asked for again.
	changeEvery = 250 * time.Millisecond
	// askChangeTimeout bounds one such question to one server.
	askChangeTimeout = 10 * time.Second
	// resumeWithin bounds the question of a server that comes back whether it
	// still has its place: without a leader nobody can tell.
	resumeWithin = time.Second
	// leaderWithin bounds the wait for a leader to redirect clients to: the
	// default of the write time-out.
	leaderWithin = 5 * time.Second
	// leaderEvery is how often such a wait looks for one.
	leaderEvery = 10 * time.Millisecond
	// watchEvery is how often the others are asked for their state (reachability, clock skew).
	watchEvery = 5 * time.Second
	// absentGap is how long an absence counts on without a look at it: a process
	// that was paused has not seen that another was dead meanwhile.
	absentGap = 3 * watchEvery
	// watchTimeout bounds one such question.
	watchTimeout = 2 * time.Second

	// upgradeEvery passes between two looks of the leader at whether the machine's
	// version may be raised, while there is a newer one.
	upgradeEvery = 5 * time.Second
	// upgradeAfter leaves operators the time to go back: a version is raised once all
	// servers have known it for so long.
	upgradeAfter = 10 * time.Minute
	// foundedEvery passes between two looks of the founder of a new cluster, which needs
	// no way back, and foundedWithin ends them.
	foundedEvery  = 50 * time.Millisecond
	foundedWithin = time.Minute

	// auditDelay is how long after its own capture a server asks for the others',
	// which learn of the entry a little later.
	auditDelay = 100 * time.Millisecond
	// auditAgain is the pause before a server is asked again that has not come
	// there yet, or still computes.
	auditAgain = 250 * time.Millisecond
	// auditTimeout bounds one comparison.
	auditTimeout = 3 * time.Second
	// auditEvery is how often one that came to nothing is repeated if there is
	// nothing newer; auditIdle is how long an audit sleeps that has nothing to compare.
	auditEvery = 5 * time.Second
	auditIdle  = time.Hour
)
