// Package fsm is the replicated state machine, a pure function of (state, entry). It
// reads no clock, no global randomness, no environment, no file and no socket. The same
// log produces the same bytes on every node (design, invariant 1).
//
// Read it in this order: machine.go (the state and its invariants), apply.go
// (an entry becomes commands and replies), session.go and parts.go (which batches run,
// and which replies are kept for batches that are sent again), chain.go (the running
// hash), then capture.go, state.go and restore.go (snapshots).
//
// Its sub-packages are entry (the codec of log entries), command (the command table),
// keyspace (the data), setting (the settings of CONFIG), reply (the values of replies),
// rdb (the format of snapshots and of DUMP) and member (the names of servers).
package fsm
