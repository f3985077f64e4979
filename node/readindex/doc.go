// Package readindex counts the votes by which a leader learns that it still led
// when it was asked: ReadIndex, as in Ongaro's dissertation ("Consensus: Bridging
// Theory and Practice", 2014, §6.4), with two differences.
//
// A voter does not say "you lead" but tells its term. That its term is at most the
// leader's means that it has voted for nobody later, so no later leader can have been
// elected without it. And a follower that asks on behalf of its own readers votes by
// asking, for these readers only: it asked after they had come.
//
// The package is pure: it knows no locks, no clock and no network. Package node asks
// the voters, and tells a Round what they said.
package readindex
