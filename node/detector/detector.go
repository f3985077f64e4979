// Package detector is the failure detector: it decides when a voter should stand for election
// because it no longer hears the leader. It has no clock, no goroutine and no lock. Package node
// takes the looks, asks the other voters, and stands.
//
// Silence counts only while this voter's looks were on time: a process that stood still has heard
// nothing, and nobody is to blame. Two kinds of evidence count at once: a refused port, and a
// leader that reports that its disk stalls or that it no longer leads. A leader that is heard but
// answers no questions is also replaced, since it is of no use to the clients of other nodes.
//
// The word of one voter is not enough, because Raft lets a voter that is told to stand depose a
// live leader. The voter therefore asks every other voter and stands only when a majority has
// agreed twice in a row. The best-placed voter stands first; the others wait for it.
package detector

import (
	"slices"
	"time"
)

// Reason says why a leader should be replaced.
type Reason string

// The reasons.
const (
	None    Reason = ""
	Silence Reason = "nothing is heard of it"
	Refused Reason = "its port refuses"
	Disk    Reason = "its disk does not answer"
	GivenUp Reason = "it has stopped leading"
	Deaf    Reason = "it is heard and answers nothing"
)

// View holds what a voter that does not lead sees at one moment.
type View struct {
	Term    uint64
	Leader  string    // the last leader that it knew, "" for none
	Follows bool      // it believes in Leader; otherwise it knows of no current leader
	Stands  bool      // it is a candidate itself, or is storing a vote
	Own     bool      // Leader is this voter, which has stepped down
	Led     uint64    // the last term in which this voter led
	Heard   time.Time // when Leader was last heard as leader, in Term or a later one
	Beats   bool      // Leader sends beats; a leader of an earlier release does not
	Refused bool      // Leader's port refuses
	// Unanswered is the time since which Leader has left this voter's questions unanswered; zero
	// if it answers.
	Unanswered time.Time
	Owed       time.Duration
	OwedAt     time.Time // when the beat arrived that reported Owed: how long an operation of Leader's disk has been pending
}

// subject identifies what the collected evidence is about.
type subject struct {
	term    uint64
	leader  string
	follows bool
	stands  bool
}

// Detector holds the evidence of one voter. Its zero value has seen nothing yet.
type Detector struct {
	looked  time.Time     // when the last look was taken
	planned time.Duration // how long after it the next look is due
	awake   time.Time     // since when all looks were on time
	about   subject
	since   time.Time // when about was first seen
	owing   time.Time // arrival of the first beat that reported an overdue disk operation; zero: none
	yielded time.Time // when this voter last agreed with a better-placed one
	stood   time.Time
	asking  time.Time // the deadline of the current round of questions; zero: no round is in progress
	rounds
}

// rounds summarizes the rounds of questions about the current subject.
type rounds struct {
	agreed    int       // in a row
	denied    int       // in a row
	unsettled int       // rounds in which some log had grown
	eligible  time.Time // when a majority had first agreed twice in a row
	due       time.Time // no further round begins before this
	before    []Answer  // the agreeing answers of the previous round
}

// Rest records the look of a voter that leads. It discards all evidence.
func (d *Detector) Rest(now time.Time) {
	d.note(now)
	d.planned, d.about, d.rounds, d.owing = IdleEvery, subject{}, rounds{}, time.Time{}
}

// note records a look. A late look voids all earlier evidence.
func (d *Detector) note(now time.Time) {
	if d.late(now) {
		d.awake, d.rounds, d.owing = now, rounds{}, time.Time{}
	}
	d.looked = now
}

func (d *Detector) late(now time.Time) bool { return now.Sub(d.looked) > d.planned+lateMax }

// Seen returns the part of a duration during which this process was awake.
func (d *Detector) Seen(passed time.Duration, now time.Time) time.Duration {
	if d.late(now) {
		return 0
	}
	return min(passed, now.Sub(d.awake))
}

// Look records a look and returns why the leader should be replaced, and when the next look is due
// if no question is asked before.
func (d *Detector) Look(now time.Time, v View) (why Reason, next time.Duration) {
	d.note(now)
	if about := (subject{v.Term, v.Leader, v.Follows, v.Stands}); about != d.about {
		d.about, d.since, d.rounds, d.owing = about, now, rounds{}, time.Time{}
	}
	switch {
	case !v.Follows || v.Owed <= leaderOwesMax:
		d.owing = time.Time{}
	case d.owing.IsZero():
		d.owing = v.OwedAt
	}
	why = d.why(now, v)
	d.planned = lookEvery
	if silence := d.silence(now, v); why == None && v.Follows && calmEvery-silence > lookEvery {
		d.planned = calmEvery - silence
	}
	d.planned = max(d.planned, d.asking.Sub(now), d.due.Sub(now)) // a beat during a round, or before the next, plans no earlier look
	if why == None {
		d.rounds = rounds{}
	}
	if v.Stands {
		why = None
	}
	return why, d.planned
}

// Agrees returns the reason why this voter, too, would replace the leader; None if it would not.
func (d *Detector) Agrees(now time.Time, v View) Reason {
	if d.late(now) || d.about != (subject{v.Term, v.Leader, v.Follows, v.Stands}) {
		return None
	}
	return d.why(now, v)
}

// silence returns how long nothing has been heard, counting only time in which this process was
// awake.
func (d *Detector) silence(now time.Time, v View) time.Duration { return d.seenSince(now, v.Heard) }

// seenSince returns how much of the time since then counts: this process was awake, and the
// subject was the current one.
func (d *Detector) seenSince(now, then time.Time) time.Duration {
	for _, t := range []time.Time{d.since, d.awake} {
		if t.After(then) {
			then = t
		}
	}
	return now.Sub(then)
}

// Silence returns how long nothing had been heard at the last look.
func (d *Detector) Silence(v View) time.Duration { return d.silence(d.looked, v) }

// why returns the reason for which the evidence calls for a new leader; None if there is none.
func (d *Detector) why(now time.Time, v View) Reason {
	silence := d.silence(now, v)
	switch {
	case v.Leader == "":
		return None // this process has known no leader yet: Raft's time-outs decide
	case v.Own && v.Led == v.Term && !v.Follows && !v.Stands && silence >= givenUpAfter:
		return GivenUp // in a later term, somebody else stands
	case v.Refused && (v.Follows || silence >= StepAfter):
		return Refused
	case silence >= unheardMax && (v.Beats || !v.Follows):
		return Silence
	case !d.owing.IsZero() && v.Owed > leaderOwesMax && v.OwedAt.After(d.owing):
		return Disk
	case v.Follows && !v.Unanswered.IsZero() && d.seenSince(now, v.Unanswered) >= unansweredMax:
		return Deaf
	}
	return None
}

// Position is the index and term of a log's last entry.
type Position struct{ Index, Term uint64 }

// Beyond reports whether a log that ends at p goes beyond one that ends at q (Raft
// paper, 5.4.1).
func (p Position) Beyond(q Position) bool {
	return p.Term > q.Term || p.Term == q.Term && p.Index > q.Index
}

// Answer holds what a voter reports about itself.
type Answer struct {
	Server   string
	Agrees   bool // it, too, would replace the leader, and its term is not later
	Log      Position
	Owes     time.Duration // how long an operation of its disk has been pending
	Abstains bool          // it asks for no votes
}

// leads reports whether a voter may lead.
func (a Answer) leads() bool { return !a.Abstains && a.Owes < OwesMax }

// better reports whether a is better placed to lead than b.
func (a Answer) better(b Answer) bool {
	return a.Log.Beyond(b.Log) || a.Log == b.Log && a.Server < b.Server
}

// Round is one round of questions.
type Round struct {
	Voters int // in the configuration, including the asker
	Self   Answer
	Others []Answer // the answers that arrived in time
}

// Ask begins a round of questions; the next look is due when it ends. If it is too early for a
// round, Ask begins none and returns how long to wait.
func (d *Detector) Ask(now time.Time) (early time.Duration) {
	if early = d.due.Sub(now); early > 0 {
		return early
	}
	d.planned, d.asking = RoundMax, now.Add(RoundMax)
	return 0
}

// Asked records that the round is over. The next look is the one that follows it.
func (d *Detector) Asked() { d.asking = time.Time{} }

// Judge evaluates a round, after a look that still found a reason. It returns whether to stand
// now, or else how long to wait before another round.
func (d *Detector) Judge(r Round) (stand bool, again time.Duration) {
	now := d.looked
	if d.awake.Equal(now) { // the look was late
		return false, d.plan(lookEvery)
	}
	yes, rank := []Answer{r.Self}, 0
	for _, a := range r.Others {
		if !a.Agrees {
			continue
		}
		if !a.Log.Beyond(r.Self.Log) {
			yes = append(yes, a)
		}
		if a.leads() && a.better(r.Self) {
			rank++
		}
	}
	if len(yes) < r.Voters/2+1 {
		pause := min(againAfter<<min(d.denied, 8), againMax)
		d.rounds = rounds{denied: d.denied + 1}
		return false, d.plan(pause)
	}
	settled := d.settled(yes)
	d.denied, d.before = 0, yes
	if d.agreed++; d.agreed < roundsYes {
		return false, d.plan(againAfter)
	}
	if d.unsettled++; !settled && d.unsettled < unsettledMax {
		return false, d.plan(againAfter)
	}
	if d.eligible.IsZero() {
		d.eligible = now
	}
	if !r.Self.leads() || now.Sub(d.eligible) < time.Duration(rank)*StepAfter || now.Sub(d.yielded) < StepAfter {
		return false, d.plan(againAfter)
	}
	return true, d.plan(lookEvery)
}

// plan postpones the next round.
func (d *Detector) plan(next time.Duration) time.Duration {
	d.planned, d.due = next, d.looked.Add(next)
	return next
}

// settled reports whether the logs of those who agree now end where they did in the previous
// round.
func (d *Detector) settled(yes []Answer) bool {
	return !slices.ContainsFunc(yes, func(a Answer) bool {
		return !slices.ContainsFunc(d.before, func(b Answer) bool { return a.Server == b.Server && a.Log == b.Log })
	})
}

// MayStand reports whether this voter has not stood within standAgain.
func (d *Detector) MayStand(now time.Time) bool { return now.Sub(d.stood) >= standAgain }

// Stood records that this voter stands.
func (d *Detector) Stood(now time.Time) { d.stood, d.rounds = now, rounds{} }

// Answered records that this voter agreed with another. If that one is better placed, this voter
// lets it stand first.
func (d *Detector) Answered(now time.Time, asker, self Answer) {
	if asker.better(self) {
		d.yielded = now
	}
}
