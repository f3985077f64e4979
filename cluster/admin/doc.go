// Package admin answers the commands that concern a node and its cluster rather than its data:
// INFO, CONFIG, ROLE, WAIT, SAVE, SHUTDOWN, DEBUG, MEMORY, CLUSTER and RAFT. Each family has a file
// of its own.
//
// The package sees the node only through the small interfaces that it declares (seams.go), and
// exchanges plain types with it, so it can be tested without a cluster. As in Redis, its answers
// about the node are unconfirmed: a node that is cut off answers from what it last knew. Changes of
// replicated state (CONFIG SET of a replicated setting) go through the log.
//
// Every reply has the format of Redis 7.0.15. A field that would have no meaning here is left out,
// never invented.
package admin
