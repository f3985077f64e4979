package detector

import (
	"testing"
	"time"
)

// voter is a detector with a clock, and what it sees.
type voter struct {
	t    *testing.T
	d    Detector
	now  time.Time
	view View
	self Answer
}

// newVoter follows a leader that it has just heard.
func newVoter(t *testing.T) *voter {
	now := time.Unix(1000, 0)
	v := &voter{t: t, now: now, view: View{Term: 7, Leader: "leader", Follows: true, Beats: true, Heard: now}, self: Answer{Server: "b", Log: Position{10, 7}}}
	v.look(None)
	return v
}

// look takes one look now.
func (v *voter) look(want Reason) {
	v.t.Helper()
	if why, _ := v.d.Look(v.now, v.view); why != want {
		v.t.Fatalf("after a silence of %v: %q, want %q", v.now.Sub(v.view.Heard), why, want)
	}
}

// pass lets time pass in which every look is on time, and returns the last one's reason.
func (v *voter) pass(d time.Duration) (why Reason) {
	for end := v.now.Add(d); v.now.Before(end); {
		v.now = v.now.Add(min(lookEvery, end.Sub(v.now)))
		why, _ = v.d.Look(v.now, v.view)
	}
	return why
}

// round asks the others, who answer within some milliseconds.
func (v *voter) round(others ...Answer) (stand bool) {
	v.t.Helper()
	if early := v.d.Ask(v.now); early > 0 {
		v.t.Fatalf("a round %v too early", early)
	}
	v.now = v.now.Add(5 * time.Millisecond)
	if why, _ := v.d.Look(v.now, v.view); why == None {
		v.t.Fatal("it does not miss the leader any more")
	}
	stand, again := v.d.Judge(Round{Voters: 3, Self: v.self, Others: others})
	v.now = v.now.Add(again)
	v.d.Look(v.now, v.view)
	return stand
}

func (v *voter) want(what string, got, want bool) {
	v.t.Helper()
	if got != want {
		v.t.Fatalf("%s: stands %v, want %v", what, got, want)
	}
}

// yes returns a voter that agrees and is placed worse than b.
func yes(server string) Answer { return Answer{Server: server, Agrees: true, Log: Position{10, 7}} }

func TestSilenceIsFiveBeatsThatWereMissed(t *testing.T) {
	v := newVoter(t)
	if why := v.pass(unheardMax - time.Millisecond); why != None {
		t.Fatalf("%q before its time", why)
	}
	if why := v.pass(time.Millisecond); why != Silence {
		t.Fatalf("%q after %v", why, unheardMax)
	}
	v.view.Heard = v.now
	v.look(None)
}

// A leader that sends no beats is of an earlier release; its heartbeats are slower.
func TestALeaderWithoutBeatsIsLeftToRaft(t *testing.T) {
	v := newVoter(t)
	v.view.Beats = false
	if why := v.pass(3 * time.Second); why != None {
		t.Fatalf("%q", why)
	}
}

// A leader that is heard and answers nothing is replaced after a while. The while begins anew with
// each leader: what another one left unanswered is not held against it.
func TestALeaderThatIsHeardAndAnswersNothing(t *testing.T) {
	v := newVoter(t)
	hear := func(d time.Duration) (why Reason) {
		for end := v.now.Add(d); v.now.Before(end); {
			v.view.Heard = v.now
			why = v.pass(min(BeatEvery, end.Sub(v.now)))
		}
		return why
	}
	v.view.Unanswered = v.now
	if why := hear(unansweredMax - time.Millisecond); why != None {
		t.Fatalf("%q before its time", why)
	}
	if why := hear(time.Millisecond); why != Deaf {
		t.Fatalf("%q after %v", why, unansweredMax)
	}
	v.view.Term++
	if why := hear(unansweredMax - BeatEvery); why != None {
		t.Fatalf("%q in a later term", why)
	}
	v.view.Unanswered = time.Time{}
	if why := hear(unansweredMax); why != None {
		t.Fatalf("%q though it answers", why)
	}
	v.view.Unanswered = v.now.Add(-time.Hour)
	v.now = v.now.Add(time.Second) // it stood still
	v.view.Heard = v.now
	v.look(None)
}

// A leader that is heard continues to send beats while the others ask about it. Each beat is a
// look, and these looks do not void what is known about the leader before the next round is due.
func TestABeatBetweenRoundsVoidsNothing(t *testing.T) {
	v := newVoter(t)
	v.view.Unanswered = v.now
	for range int(unansweredMax / BeatEvery) {
		v.view.Heard = v.now
		v.pass(BeatEvery)
	}
	for range 6 { // until the pauses are long
		v.d.Ask(v.now)
		v.look(Deaf)
		v.d.Asked()
		_, again := v.d.Judge(Round{Voters: 3, Self: v.self})
		v.now = v.now.Add(again / 2)
		v.view.Heard = v.now
		v.look(Deaf) // a beat
		v.now = v.now.Add(again - again/2)
		v.look(Deaf)
	}
}

// A process that stood still has heard nothing meanwhile, and begins anew.
func TestWhoStoodStillBeginsAnew(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax / 2)
	v.now = v.now.Add(time.Second)
	v.look(None)
	if why := v.pass(unheardMax - time.Millisecond); why != None {
		t.Fatalf("%q before its time", why)
	}
	if why := v.pass(time.Millisecond); why != Silence {
		t.Fatalf("%q after %v", why, unheardMax)
	}
	v.round(yes("c"))
	v.d.Ask(v.now)
	v.now = v.now.Add(time.Second)
	if why, _ := v.d.Look(v.now, v.view); why != None {
		t.Fatalf("%q after a round in which it stood still", why)
	}
}

// A refused port is evidence without any silence. A round in which this process stood still counts
// for nothing all the same.
func TestARoundThatWasLateDoesNotCount(t *testing.T) {
	v := newVoter(t)
	v.view.Refused = true
	v.look(Refused)
	v.want("one round", v.round(yes("c")), false)
	v.d.Ask(v.now)
	v.now = v.now.Add(time.Second)
	v.look(Refused)
	stand, again := v.d.Judge(Round{Voters: 3, Self: v.self, Others: []Answer{yes("c")}})
	v.want("a late one", stand, false)
	v.now = v.now.Add(again)
	v.want("the first after it", v.round(yes("c")), false)
	v.want("two on time", v.round(yes("c")), true)
}

func TestAMajorityAgreesTwiceInARow(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	v.want("once", v.round(yes("c")), false)
	v.want("nobody answers", v.round(), false)
	v.want("once again", v.round(yes("c")), false)
	v.want("one refuses", v.round(Answer{Server: "c", Log: Position{10, 7}}), false)
	v.want("once again", v.round(yes("c")), false)
	v.want("twice", v.round(yes("c")), true)
}

func TestALogThatIsOlderDoesNotStand(t *testing.T) {
	for _, beyond := range []Position{{11, 7}, {9, 8}} {
		v := newVoter(t)
		v.pass(unheardMax)
		for range 20 {
			v.want("its log is older", v.round(Answer{Server: "c", Agrees: true, Log: beyond}), false)
		}
	}
}

// Entries that were in flight may make another's log the longer one. Both voters wait until the
// logs are settled.
func TestLogsThatStillGrowAreWaitedForAWhile(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	other := yes("c")
	for i := range unsettledMax {
		v.self.Log.Index++
		other.Log.Index++
		v.want("they grow", v.round(other), i >= unsettledMax)
	}
	v.want("they do not", v.round(other), true)
}

// The best-placed voter stands, and the next only after that one has had its time.
func TestOneStandsAtATimeByRank(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	first := yes("a")
	v.round(first)
	begun := v.now
	for !v.round(first) {
		if v.now.Sub(begun) > 3*StepAfter {
			t.Fatal("it never stands")
		}
	}
	if waited := v.now.Sub(begun); waited < StepAfter {
		t.Fatalf("it stands %v after the first could", waited)
	}
	for what, other := range map[string]Answer{
		"never leads":        {Server: "a", Agrees: true, Log: v.self.Log, Abstains: true},
		"its disk stalls":    {Server: "a", Agrees: true, Log: v.self.Log, Owes: OwesMax},
		"its log is older":   {Server: "a", Agrees: true, Log: Position{9, 7}},
		"comes after by id":  {Server: "c", Agrees: true, Log: v.self.Log},
		"its term was lower": {Server: "a", Agrees: true, Log: Position{99, 6}},
	} {
		v := newVoter(t)
		v.pass(unheardMax)
		v.round(other)
		v.want("the other "+what, v.round(other), true)
	}
}

// A voter that has told a better-placed one that it may stand does not stand at the same time.
func TestWhoHasAgreedHoldsBack(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	v.round(yes("c"))
	v.d.Answered(v.now, Answer{Server: "a", Log: v.self.Log}, v.self)
	v.want("it has just agreed", v.round(yes("c")), false)
	v.pass(StepAfter)
	v.want("the other has had its time", v.round(yes("c")), true)
}

func TestADiskThatOwesAnAnswerDoesNotStand(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	v.self.Owes = OwesMax
	for range 10 {
		v.want("its disk stalls", v.round(yes("c")), false)
	}
	v.self.Owes = 0
	v.want("it answers", v.round(yes("c")), true)
}

// A leader's disk counts as stalled if two beats have said so.
func TestALeaderWhoseDiskStalls(t *testing.T) {
	v := newVoter(t)
	says := func(owed time.Duration) {
		v.now = v.now.Add(BeatEvery)
		v.view.Heard, v.view.OwedAt, v.view.Owed = v.now, v.now, owed
	}
	says(leaderOwesMax)
	v.look(None)
	says(leaderOwesMax + BeatEvery)
	v.look(None)
	v.look(None) // at the same beat
	says(0)
	v.look(None)
	says(leaderOwesMax + BeatEvery)
	v.look(None)
	says(leaderOwesMax + 2*BeatEvery)
	v.look(Disk)
}

// If no port refuses any more, an election may be in progress. It gets its time.
func TestAfterAnElectionThatNobodyHasWon(t *testing.T) {
	v := newVoter(t)
	v.view.Refused = true
	v.look(Refused)
	v.view.Follows, v.view.Term = false, 8
	v.look(None)
	if why := v.pass(StepAfter - time.Millisecond); why != None {
		t.Fatalf("%q beside an election", why)
	}
	if why := v.pass(time.Millisecond); why != Refused {
		t.Fatalf("%q", why)
	}
	v.view.Refused, v.view.Beats, v.view.Heard = false, false, v.now
	if why := v.pass(unheardMax); why != Silence {
		t.Fatalf("%q where nobody leads", why)
	}
	v.view.Stands = true
	v.pass(unheardMax + lookEvery)
	v.look(None) // never while it is a candidate
	if why := v.d.Agrees(v.now, v.view); why != Silence {
		t.Fatalf("a candidate that nobody elects says %q to others", why)
	}
}

// A leader that has stepped down says so, and the others need not miss it first.
func TestALeaderThatHasStoppedLeading(t *testing.T) {
	v := newVoter(t)
	v.view.Own, v.view.Follows, v.view.Led = true, false, v.view.Term
	v.look(None)
	if why := v.pass(givenUpAfter); why != GivenUp {
		t.Fatalf("%q", why)
	}
	v.view.Term++
	v.look(None)
	if why := v.pass(givenUpAfter); why != None {
		t.Fatalf("%q in a term in which another stands", why)
	}
}

// A beat during a round, as from a leader whose disk stalls, does not make the look after the
// round a late one.
func TestABeatDuringARoundVoidsNothing(t *testing.T) {
	v := newVoter(t)
	v.view.Refused = true
	v.look(Refused)
	if early := v.d.Ask(v.now); early > 0 {
		t.Fatalf("too early for a round by %v", early)
	}
	v.now = v.now.Add(RoundMax / 10)
	v.d.Look(v.now, v.view) // the beat
	v.now = v.now.Add(RoundMax - RoundMax/10)
	v.d.Asked()
	v.d.Look(v.now, v.view)
	if v.d.awake.Equal(v.now) {
		t.Fatal("the look behind the round counts as late")
	}
}

// Evidence that is repeatedly wrong costs only an occasional election.
func TestWhoHasStoodDoesNotStandAgainAtOnce(t *testing.T) {
	v := newVoter(t)
	v.d.Stood(v.now)
	if v.d.MayStand(v.now.Add(standAgain - 1)) {
		t.Fatal("it may stand again at once")
	}
	if !v.d.MayStand(v.now.Add(standAgain)) {
		t.Fatal("it may not stand again")
	}
}

// A voter that others ask agrees only to what its own last look has seen on time.
func TestAVoterAgreesWithWhatItHasSeen(t *testing.T) {
	v := newVoter(t)
	agrees := func(want Reason) {
		t.Helper()
		if why := v.d.Agrees(v.now, v.view); why != want {
			t.Fatalf("%q, want %q", why, want)
		}
	}
	agrees(None)
	v.pass(unheardMax)
	agrees(Silence)
	other := v.view
	other.Term++
	if why := v.d.Agrees(v.now, other); why != None {
		t.Fatalf("%q about a term that it has not looked at", why)
	}
	v.now = v.now.Add(time.Second)
	agrees(None) // it stood still
}

// While the process stood still, the silence of a disk is not the disk's fault.
func TestTimeInWhichTheProcessStoodStillIsNotSeen(t *testing.T) {
	v := newVoter(t)
	v.pass(time.Second)
	if seen := v.d.Seen(time.Hour, v.now); seen != time.Second {
		t.Fatalf("%v", seen)
	}
	if seen := v.d.Seen(time.Hour, v.now.Add(time.Second)); seen != 0 {
		t.Fatalf("%v after it stood still", seen)
	}
}

// Entries in flight need some time, so two rounds at the same moment count as one.
func TestRoundsKeepADistance(t *testing.T) {
	v := newVoter(t)
	v.view.Refused = true
	v.look(Refused)
	v.d.Ask(v.now)
	v.now = v.now.Add(time.Millisecond)
	v.look(Refused)
	_, again := v.d.Judge(Round{Voters: 3, Self: v.self, Others: []Answer{yes("c")}})
	if early := v.d.Ask(v.now); early != again || again != againAfter {
		t.Fatalf("the next round may begin after %v of %v", early, again)
	}
	v.now = v.now.Add(again)
	if early := v.d.Ask(v.now); early > 0 {
		t.Fatalf("it may not begin for another %v", early)
	}
}

// A voter that is cut off asks less often.
func TestRoundsInVainArePutOffLongerAndLonger(t *testing.T) {
	v := newVoter(t)
	v.pass(unheardMax)
	begun, rounds := v.now, 0
	for ; v.now.Sub(begun) < 10*time.Second; rounds++ {
		v.round()
	}
	if rounds > 60 {
		t.Fatalf("%d rounds in 10 s", rounds)
	}
}
