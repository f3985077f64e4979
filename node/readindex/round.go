package readindex

import "slices"

// Outcome is how a round stands.
type Outcome uint8

// The outcomes.
const (
	Undecided Outcome = iota
	Confirmed         // a majority has had no later term: the leader led when the round began
	Refuted           // a majority cannot be reached any more
)

// Round is the count of one round.
//
// Invariants:
//  1. A voter counts once, as confirmed or as failed, and only if it was asked.
//  2. The outcome never changes once it is Confirmed.
type Round struct {
	term      uint64
	voters    []string // all but the leader, in the order in which they are asked
	asked     int      // of them, the first ones
	majority  int      // of all voters, the leader among them if it votes
	own       int      // 1 if the leader is a voter: it confirms itself
	confirmed []string
	failed    []string
}

// New begins the round of a leader in a term. others are the voters besides the leader, those
// first who are asked first; leaderVotes says whether the leader is a voter itself.
func New(term uint64, others []string, leaderVotes bool) *Round {
	r := &Round{term: term, voters: others}
	if leaderVotes {
		r.own = 1
	}
	r.majority = (len(others)+r.own)/2 + 1
	return r
}

// Needed returns how many other voters must confirm; 0 if the leader is the only voter.
func (r *Round) Needed() int { return r.majority - r.own }

// Voters returns how many other voters there are.
func (r *Round) Voters() int { return len(r.voters) }

// Ask returns the voters who are to be asked now, so that number of them have been.
func (r *Round) Ask(number int) []string {
	from := r.asked
	r.asked = max(from, min(number, len(r.voters)))
	return r.voters[from:r.asked]
}

// AllAsked reports whether there is nobody left to ask.
func (r *Round) AllAsked() bool { return r.asked == len(r.voters) }

// Missing returns the voters who have been asked and have not confirmed.
func (r *Round) Missing() []string {
	var missing []string
	for _, v := range r.voters[:r.asked] {
		if !slices.Contains(r.confirmed, v) {
			missing = append(missing, v)
		}
	}
	return missing
}

// Answer counts what a voter has answered: its term.
func (r *Round) Answer(voter string, term uint64) {
	if term > r.term {
		r.Fail(voter)
	} else if r.counts(voter) {
		r.confirmed = append(r.confirmed, voter)
	}
}

// Fail counts a voter that could not be asked.
func (r *Round) Fail(voter string) {
	if r.counts(voter) {
		r.failed = append(r.failed, voter)
	}
}

// counts reports whether a voter's answer is one that is waited for.
func (r *Round) counts(voter string) bool {
	return slices.Contains(r.voters[:r.asked], voter) && !slices.Contains(r.confirmed, voter) && !slices.Contains(r.failed, voter)
}

// AnyFailed reports whether a voter has failed, so that the others are needed.
func (r *Round) AnyFailed() bool { return len(r.failed) > 0 }

// Outcome returns how the round stands.
func (r *Round) Outcome() Outcome {
	switch {
	case len(r.confirmed) >= r.Needed():
		return Confirmed
	case len(r.voters)-len(r.failed) < r.Needed():
		return Refuted
	}
	return Undecided
}

// ConfirmedFor reports whether the round is confirmed for the readers of one server, whose
// question is a vote of its own if it is a voter.
func (r *Round) ConfirmedFor(asker string) bool {
	votes := len(r.confirmed)
	if slices.Contains(r.voters, asker) && !slices.Contains(r.confirmed, asker) {
		votes++
	}
	return votes >= r.Needed()
}
