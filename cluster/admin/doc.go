// Package admin answers the commands that concern a node and its cluster
// rather than its data: INFO, CONFIG, ROLE, WAIT, SAVE, SHUTDOWN, DEBUG,
// MEMORY, CLUSTER and RAFT, each family in a file of its own.
//
// It sees the node only through small interfaces that it declares (seams.go)
// and speaks to them in plain types, so that it can be tested without a
// cluster. What it says of the node is unconfirmed, as it is in Redis: a node
// that is cut off answers from what it last knew. What changes replicated
// state (CONFIG SET of a replicated setting) travels through the log.
//
// Every reply has the shape that Redis 7.0.15 gives it. A field that would
// have no meaning here is left out, never invented.
package admin
