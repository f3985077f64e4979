// Package cluster lets nodes find each other and act for each other. It covers the first start and
// its promises; members that join, move, or are replaced, promoted, demoted and removed; forwarding
// and redirecting; health; and the audit that compares the members' state (audit.go, judge.go).
//
// A Service owns the server's peer port. Form decides how a server enters its cluster; its comment
// is the state machine. Then the member is opened and attached to the Service, and Settle waits
// until it is a voter. Forward, ReadIndex and Term send a member's questions to other servers, and
// the Service answers theirs.
//
// The leader makes all membership changes, one at a time, each from the committed configuration:
// admission.go for servers that ask for a place, perform.go for operators' requests, dead.go for
// automatic removal. hashicorp/raft-autopilot is not used, because it judges by the newest
// configuration, committed or not, removes dead servers without a replacement, and knows nothing of
// incarnations.
//
// The package reaches node only through the interfaces Member, Membership and Replicated, and runs
// clients' commands only through Executor.
package cluster
