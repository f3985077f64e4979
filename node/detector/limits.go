package detector

import "time"

const (
	// BeatEvery is the interval at which a busy leader sends a beat, which says that it leads.
	BeatEvery = 50 * time.Millisecond
	// IdleEvery is the interval at which an idle leader sends a beat. It is longer because each
	// beat wakes every node, and an idle node does not have to wait for a processor.
	IdleEvery = 120 * time.Millisecond
	// unheardMax bounds the time that a leader may be silent: five beats of a busy leader, two of
	// an idle one. On two busy processors a process may wait some tens of milliseconds for its
	// turn.
	unheardMax = 250 * time.Millisecond
	// calmEvery is the time that a voter waits for a beat before it looks on its own; each beat is
	// a look, too. From then on, lookEvery passes between two looks. They are the last three of a
	// silence.
	calmEvery = 200 * time.Millisecond
	lookEvery = 25 * time.Millisecond
	// lateMax bounds how late a look may be. After a longer pause of this process, earlier evidence
	// does not count.
	lateMax = 50 * time.Millisecond
	// RoundMax bounds one round of questions to the voters.
	RoundMax = 100 * time.Millisecond
	// roundsYes is the number of rounds in a row that must find a majority that agrees.
	roundsYes = 2
	// againAfter is the pause after a round in which a majority agreed; entries that were still in
	// flight arrive in it. After a round without a majority, the pause starts there and doubles up
	// to againMax, because a voter that is cut off keeps asking until the cut is over.
	againAfter = 20 * time.Millisecond
	againMax   = 200 * time.Millisecond
	// unsettledMax bounds the rounds that are repeated because a log has grown since the last one.
	unsettledMax = 6
	// StepAfter is the time between one voter's turn to stand and the next by rank. An election is
	// over within it.
	StepAfter = 100 * time.Millisecond
	// givenUpAfter is the time for which a leader that has stepped down waits for a new leader.
	givenUpAfter = 20 * time.Millisecond
	// standAgain is the time for which a voter that has stood does not stand again. Evidence that
	// is repeatedly wrong then costs only an occasional election.
	standAgain = time.Second
	// unansweredMax bounds the time for which a leader that is still heard may leave questions
	// unanswered. No such answer waits for a disk, but many may be queued ahead of it.
	unansweredMax = 2 * time.Second
	// OwesMax bounds the time that a disk operation of a voter may be pending if the voter is still
	// to qualify as leader.
	OwesMax = 250 * time.Millisecond
	// leaderOwesMax bounds the time that a disk operation of the leader may be pending. The
	// leader's own watchdog hands over earlier, if it can.
	leaderOwesMax = 2 * time.Second
)
