package detector

import "time"

const (
	// BeatEvery is how often a leader says that it leads.
	BeatEvery = 50 * time.Millisecond
	// IdleEvery is how often one does that has nothing to commit: each beat wakes every
	// node, and an idle one is not kept waiting for a processor.
	IdleEvery = 120 * time.Millisecond
	// unheardMax bounds the time in which nothing is heard of a leader: five beats of a busy
	// leader, two of an idle one. On two busy processors a process waits for some tens of
	// milliseconds.
	unheardMax = 250 * time.Millisecond
	// calmEvery is how long a voter waits for a beat before it looks on its own (each beat
	// is a look, too), and lookEvery passes between two looks from then on: the last three
	// of a silence.
	calmEvery = 200 * time.Millisecond
	lookEvery = 25 * time.Millisecond
	// lateMax is how late a look may be: after a longer pause of this process nothing
	// counts that was before.
	lateMax = 50 * time.Millisecond
	// RoundMax bounds one round of questions to the voters.
	RoundMax = 100 * time.Millisecond
	// roundsYes is how many rounds in a row a majority must have agreed in.
	roundsYes = 2
	// againAfter passes between a round in which a majority has agreed and the next, in
	// which entries arrive that were still under way; after one in which it has not, the
	// pause doubles from there up to againMax: who is cut off asks for as long as that lasts.
	againAfter = 20 * time.Millisecond
	againMax   = 200 * time.Millisecond
	// unsettledMax bounds the rounds that are repeated since a log has grown meanwhile.
	unsettledMax = 6
	// StepAfter passes before the next voter by rank stands, in which an election is over.
	StepAfter = 100 * time.Millisecond
	// givenUpAfter is how long a leader that has stopped leading waits for another.
	givenUpAfter = 20 * time.Millisecond
	// standAgain is how long a voter that has stood does not stand again: evidence that
	// is wrong again and again costs an election now and then.
	standAgain = time.Second
	// unansweredMax bounds the time in which a leader that is heard answers nothing. No answer
	// of this kind waits for a disk, but many may be ahead of it.
	unansweredMax = 2 * time.Second
	// OwesMax is how long a voter's disk may have owed an answer for the voter to lead.
	OwesMax = 250 * time.Millisecond
	// leaderOwesMax is how long a leader's disk may owe one. The leader's own watchdog
	// hands over before that, if it can.
	leaderOwesMax = 2 * time.Second
)
