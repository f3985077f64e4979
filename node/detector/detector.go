// Package detector decides when a voter stands for election because nothing is heard
// of the leader. It has no clock, no goroutine and no lock: package node looks, asks
// and stands.
//
// What counts as silence is what this voter's looks saw while each of them was on
// time: a process that stood still has heard nothing, and nobody is to blame. A
// refused port counts at once, and so does a leader that says of itself that its disk
// stalls, or that it does not lead any more. A leader that is heard and to which nothing
// comes through is of no use to the clients of the others, either.
//
// One voter's word is not enough. It asks every other voter, and stands once a
// majority has agreed, twice in a row: Raft lets a voter that is told to stand depose a
// leader that lives. The one that is placed best stands; the others wait for it.
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

// View is what a voter that does not lead sees at one moment.
type View struct {
	Term    uint64
	Leader  string    // the last that it knew, "" for none
	Follows bool      // it believes in Leader; else nobody leads, as far as it knows
	Stands  bool      // it is a candidate itself, or stores a vote
	Own     bool      // Leader is this voter, which has stopped leading
	Led     uint64    // the last term in which this voter led
	Heard   time.Time // when Leader was last heard as leader, in Term or a later one
	Beats   bool      // Leader has said so by beats: one of an earlier release sends none
	Refused bool      // Leader's port refuses
	// Unanswered is since when Leader has answered nothing that this voter asks; zero: it answers.
	Unanswered time.Time
	Owed       time.Duration
	OwedAt     time.Time // when the beat arrived that says that Leader's disk owes an answer for Owed
}

// subject is what a silence is about.
type subject struct {
	term    uint64
	leader  string
	follows bool
	stands  bool
}

// Detector is one voter's. Its zero value has seen nothing yet.
type Detector struct {
	looked  time.Time     // when the last look was
	planned time.Duration // after which the next was to be
	awake   time.Time     // since when all looks were on time
	about   subject
	since   time.Time // when about was first seen
	owing   time.Time // of the beat that first told of a disk that owes too much; zero: none
	yielded time.Time // when another that is placed better was told yes
	stood   time.Time
	asking  time.Time // until when a round of questions may take; zero: none is under way
	rounds
}

// rounds are those that have been asked about the present subject.
type rounds struct {
	agreed    int       // in a row
	denied    int       // in a row
	unsettled int       // in which a log had grown
	eligible  time.Time // when a majority had agreed twice in a row for the first time
	due       time.Time // before which no other round begins
	before    []Answer  // of the round before
}

// Rest is the look of a voter that leads.
func (d *Detector) Rest(now time.Time) {
	d.note(now)
	d.planned, d.about, d.rounds, d.owing = IdleEvery, subject{}, rounds{}, time.Time{}
}

// note records a look; a late one voids all earlier evidence.
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

// Look is a voter's look. It returns why the leader should be replaced, and when the
// next look is due if nothing is asked meanwhile.
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

// Agrees is what this voter tells another: why it, too, would replace the leader.
func (d *Detector) Agrees(now time.Time, v View) Reason {
	if d.late(now) || d.about != (subject{v.Term, v.Leader, v.Follows, v.Stands}) {
		return None
	}
	return d.why(now, v)
}

// silence is how long nothing has been heard, as far as this process was awake.
func (d *Detector) silence(now time.Time, v View) time.Duration { return d.seenSince(now, v.Heard) }

// seenSince returns how much of the time since then counts: this process was awake, and
// the leader was the present one.
func (d *Detector) seenSince(now, then time.Time) time.Duration {
	for _, t := range []time.Time{d.since, d.awake} {
		if t.After(then) {
			then = t
		}
	}
	return now.Sub(then)
}

// Silence is how long nothing had been heard at the last look.
func (d *Detector) Silence(v View) time.Duration { return d.silence(d.looked, v) }

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

// Position is where a log ends.
type Position struct{ Index, Term uint64 }

// Beyond reports whether a log that ends at p goes beyond one that ends at q (Raft
// paper, 5.4.1).
func (p Position) Beyond(q Position) bool {
	return p.Term > q.Term || p.Term == q.Term && p.Index > q.Index
}

// Answer is what a voter says of itself.
type Answer struct {
	Server   string
	Agrees   bool // it, too, would replace the leader, and is in no later term
	Log      Position
	Owes     time.Duration // how long its disk has owed an answer
	Abstains bool          // it asks nobody for a vote
}

// leads reports whether a voter may lead.
func (a Answer) leads() bool { return !a.Abstains && a.Owes < OwesMax }

// better reports whether a is placed better than b.
func (a Answer) better(b Answer) bool {
	return a.Log.Beyond(b.Log) || a.Log == b.Log && a.Server < b.Server
}

// Round is one round of questions.
type Round struct {
	Voters int // of the configuration, the asker among them
	Self   Answer
	Others []Answer // those that have come in time
}

// Ask has a round begin now, after which the next look is due; if it is too early for
// one, it returns how long it is.
func (d *Detector) Ask(now time.Time) (early time.Duration) {
	if early = d.due.Sub(now); early > 0 {
		return early
	}
	d.planned, d.asking = RoundMax, now.Add(RoundMax)
	return 0
}

// Asked says that the round is over: the next look is the one behind it.
func (d *Detector) Asked() { d.asking = time.Time{} }

// Judge says, after a look that has found the same as before a round, what follows from
// that: to stand now, or another round after a while.
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

// plan puts the next round off.
func (d *Detector) plan(next time.Duration) time.Duration {
	d.planned, d.due = next, d.looked.Add(next)
	return next
}

// settled reports whether those who agree now are where they were in the round before.
func (d *Detector) settled(yes []Answer) bool {
	return !slices.ContainsFunc(yes, func(a Answer) bool {
		return !slices.ContainsFunc(d.before, func(b Answer) bool { return a.Server == b.Server && a.Log == b.Log })
	})
}

// MayStand reports whether this voter has not stood within standAgain.
func (d *Detector) MayStand(now time.Time) bool { return now.Sub(d.stood) >= standAgain }

// Stood says that this voter stands.
func (d *Detector) Stood(now time.Time) { d.stood, d.rounds = now, rounds{} }

// Answered says that another was told yes: this voter lets it stand first if it is
// placed better.
func (d *Detector) Answered(now time.Time, asker, self Answer) {
	if asker.better(self) {
		d.yielded = now
	}
}
