// Package cluster is how nodes find each other and stand in for each other:
// the first start and its promises, joining and replacing, forwarding and
// redirecting, health, and whether they all hold the same (audit.go, judge.go).
//
// A Service owns the server's peer port. Form decides how a server enters its
// cluster (its comment is the state machine); then a member is opened, attached
// to the Service, and Settle sees it become a voter. Forward, ReadIndex and
// Term carry a member's questions to others; the Service answers theirs.
//
// The package reaches node only through the interfaces Member and Membership,
// and clients' commands only through Executor.
package cluster
