// Package fsm is the replicated state machine: a pure function of (state,
// entry). It reads no clock, no global randomness, no environment, file or
// socket. The same log gives the same bytes on every node.
//
// Read it in this order: machine.go (the state and its invariants), apply.go
// (an entry becomes commands and replies), session.go and parts.go (which
// batches are run, and what is kept to answer those that come again), chain.go
// (the running hash), then capture.go, state.go and restore.go (snapshots).
//
// Its sub-packages: entry (the codec of log entries), command (the table),
// keyspace (the data), setting (what CONFIG knows), reply (what is answered),
// rdb (the format of snapshots and of DUMP), member (the names of servers).
package fsm
