package readindex

import "slices"

// Outcome is the state of a round.
type Outcome uint8

// The outcomes.
const (
	Undecided Outcome = iota
	Confirmed         // a majority reported no later term: the leader led when the round began
	Refuted           // a majority can no longer be reached
)

// Round counts the votes of one confirmation round.
//
// Invariants:
//  1. A voter counts once, as confirmed or as failed, and only if it was asked.
//  2. The outcome never changes once it is Confirmed.
type Round struct {
	term      uint64
	voters    []string // all but the leader, in the order in which they are asked
	asked     int      // the first asked of voters have been asked
	majority  int      // of all voters, including the leader if it votes
	own       int      // 1 if the leader is a voter, because it confirms itself
	confirmed []string
	failed    []string
}

// New begins the round of a leader in a term. others lists the other voters in the order in which
// they are to be asked. leaderVotes says whether the leader itself is a voter.
func New(term uint64, others []string, leaderVotes bool) *Round {
	r := &Round{term: term, voters: others}
	if leaderVotes {
		r.own = 1
	}
	r.majority = (len(others)+r.own)/2 + 1
	return r
}

// Needed returns how many other voters must confirm. It is 0 if the leader is the only voter.
func (r *Round) Needed() int { return r.majority - r.own }

// Voters returns how many other voters there are.
func (r *Round) Voters() int { return len(r.voters) }

// Ask marks voters as asked until number of them have been, and returns those to ask now.
func (r *Round) Ask(number int) []string {
	from := r.asked
	r.asked = max(from, min(number, len(r.voters)))
	return r.voters[from:r.asked]
}

// AllAsked reports whether every voter has been asked.
func (r *Round) AllAsked() bool { return r.asked == len(r.voters) }

// Missing returns the voters that were asked and have not confirmed.
func (r *Round) Missing() []string {
	var missing []string
	for _, v := range r.voters[:r.asked] {
		if !slices.Contains(r.confirmed, v) {
			missing = append(missing, v)
		}
	}
	return missing
}

// Answer records the term that a voter reported.
func (r *Round) Answer(voter string, term uint64) {
	if term > r.term {
		r.Fail(voter)
	} else if r.counts(voter) {
		r.confirmed = append(r.confirmed, voter)
	}
}

// Fail records that a voter does not confirm: it could not be asked, or is in a later term.
func (r *Round) Fail(voter string) {
	if r.counts(voter) {
		r.failed = append(r.failed, voter)
	}
}

// counts reports whether an answer of this voter is still awaited.
func (r *Round) counts(voter string) bool {
	return slices.Contains(r.voters[:r.asked], voter) && !slices.Contains(r.confirmed, voter) && !slices.Contains(r.failed, voter)
}

// AnyFailed reports whether any voter has failed, so that the remaining ones must be asked.
func (r *Round) AnyFailed() bool { return len(r.failed) > 0 }

// Outcome returns the state of the round.
func (r *Round) Outcome() Outcome {
	switch {
	case len(r.confirmed) >= r.Needed():
		return Confirmed
	case len(r.voters)-len(r.failed) < r.Needed():
		return Refuted
	}
	return Undecided
}

// ConfirmedFor reports whether the round is confirmed for the readers of one server. If that
// server is a voter, its question counts as its vote.
func (r *Round) ConfirmedFor(asker string) bool {
	votes := len(r.confirmed)
	if slices.Contains(r.voters, asker) && !slices.Contains(r.confirmed, asker) {
		votes++
	}
	return votes >= r.Needed()
}
