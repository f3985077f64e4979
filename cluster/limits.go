package cluster

import "time"

const (
	// membersMax bounds the list of a first start. More voters would gain a larger cluster nothing.
	membersMax = 9
	// serversMax bounds a configuration, non-voters included, because the leader sends to every
	// server.
	serversMax = 32
	// seedsMax bounds the addresses at which a server looks for its cluster.
	seedsMax = 32
	// handlersMax bounds the membership questions that are handled at once. Further ones are
	// answered busy.
	handlersMax = 32
	// hopsMax bounds how often a request is passed on: once, to the leader.
	hopsMax = 1
	// messageBytesMax bounds the size of a message about membership.
	messageBytesMax = 64 << 10

	// releaseBytesMax bounds the release name that servers tell each other.
	releaseBytesMax = 64

	// surveyEvery is the interval at which a server outside a cluster asks the others where they
	// stand, and at which a founder asks again for promises.
	surveyEvery = 500 * time.Millisecond
	// reportEvery is the interval at which a waiting start logs for whom it waits.
	reportEvery = 5 * time.Second
	// awaitingEvery is the interval at which a promised server checks why its cluster does not
	// begin. Most clusters begin before the first check.
	awaitingEvery = 2 * time.Second
	// askTimeout bounds one question to one server during a start.
	askTimeout = 2 * time.Second
	// admitTimeout bounds an admission, which takes two changes of the configuration.
	admitTimeout = 15 * time.Second
	// askAdmitTimeout bounds one join request to one server, which may pass it on. Asking again is
	// harmless.
	askAdmitTimeout = 5 * time.Second
	// askNext is the time for which a join request waits for an answer before more servers are
	// asked. askedMax bounds how many are asked at once.
	askNext  = 200 * time.Millisecond
	askedMax = 16
	// settleEvery is the interval at which a server asks whether it is a voter yet.
	settleEvery = 500 * time.Millisecond
	// caughtUpEntries is the largest number of entries by which a server may be behind the leader
	// and still count as caught up.
	caughtUpEntries = 64
	// caughtUpFor is the time for which a server must stay caught up before it becomes a voter.
	caughtUpFor = time.Second
	// runningTimeout bounds short questions to one server, such as whether a server that is to be
	// replaced still runs.
	runningTimeout = time.Second
	// lookedWithin is the time for which a look at a server that is catching up counts. After a
	// longer gap, its caughtUpFor starts again.
	lookedWithin = 4 * settleEvery
	// ChangeWithin bounds a membership change that an operator asks for.
	ChangeWithin = 30 * time.Second
	// changeEvery is the interval at which a change that could not be made is tried again.
	changeEvery = 250 * time.Millisecond
	// askChangeTimeout bounds one attempt to make such a change through one server.
	askChangeTimeout = 10 * time.Second
	// resumeWithin bounds how long a server that comes back asks whether it still has its place.
	// Without a leader nobody can tell.
	resumeWithin = time.Second
	// leaderWithin bounds the wait for a leader to redirect clients to. It equals the default write
	// time-out.
	leaderWithin = 5 * time.Second
	// leaderEvery is the interval at which such a wait looks for a leader.
	leaderEvery = 10 * time.Millisecond
	// watchEvery is the interval at which a server asks the others for their state (reachability,
	// clock skew).
	watchEvery = 5 * time.Second
	// absentGap is the longest gap between two looks at a server over which its absence keeps
	// counting. A paused process has not seen whether the server was dead meanwhile.
	absentGap = 3 * watchEvery
	// watchTimeout bounds one such round of questions to all the others.
	watchTimeout = 2 * time.Second

	// upgradeEvery is the interval at which the leader checks whether the machine's version may be
	// raised, while there is a newer one.
	upgradeEvery = 5 * time.Second
	// upgradeAfter is the time for which all servers must have known a version before it is raised.
	// It leaves operators time to go back.
	upgradeAfter = 10 * time.Minute
	// foundedEvery replaces upgradeEvery on the founder of a new cluster, which needs no way back.
	// foundedWithin is the time for which it does so.
	foundedEvery  = 50 * time.Millisecond
	foundedWithin = time.Minute

	// auditDelay is the time that a server waits after its own capture before it asks for the
	// others', since they learn of the entry a little later.
	auditDelay = 100 * time.Millisecond
	// auditAgain is the pause before asking again a server that has not reached the index or is
	// still computing.
	auditAgain = 250 * time.Millisecond
	// auditTimeout bounds one comparison.
	auditTimeout = 3 * time.Second
	// auditEvery is the pause before a comparison without a verdict is repeated if there is nothing
	// newer. auditIdle is the time for which an audit with nothing to compare sleeps.
	auditEvery = 5 * time.Second
	auditIdle  = time.Hour
)
