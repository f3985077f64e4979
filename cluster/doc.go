// Package cluster is how nodes find each other and stand in for each other:
// the first start and its promises, members that join, move, are replaced,
// promoted, demoted and removed, forwarding and redirecting, health, and
// whether they all hold the same (audit.go, judge.go).
//
// A Service owns the server's peer port. Form decides how a server enters its
// cluster (its comment is the state machine); then a member is opened, attached
// to the Service, and Settle sees it become a voter. Forward, ReadIndex and
// Term carry a member's questions to others; the Service answers theirs.
//
// Changes of the membership are made by the leader, one at a time, each from
// the committed configuration (admission.go for servers that ask for a place,
// perform.go for what an operator asks, dead.go for what nobody asks).
// hashicorp/raft-autopilot is not used for them: it judges by the newest
// configuration, committed or not, removes dead servers without a replacement,
// and knows nothing of incarnations.
//
// The package reaches node only through the interfaces Member, Membership and
// Replicated, and clients' commands only through Executor.
package cluster
