// Package readindex counts the votes that confirm a leader's claim to lead: ReadIndex, as in
// Ongaro's dissertation ("Consensus: Bridging Theory and Practice", 2014, §6.4), with two
// differences.
//
// First, a voter does not say "you lead"; it reports its term. If its term is at most the
// leader's, it has voted in no later term, so no later leader can have been elected with its vote.
// Second, a follower that asks on behalf of its own readers casts a vote by asking. That vote
// counts for those readers only, because the follower asked after they had arrived.
//
// The package is pure: it has no locks, no clock and no network. Package node asks the voters and
// passes their answers to a Round.
package readindex
