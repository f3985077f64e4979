// Package command holds the table of commands: a literal row per command,
// grouped one file per Redis group, and the function that runs it.
//
// A command's function is pure: it takes a Context (keyspace, machine time,
// seeded randomness, arguments) and returns a reply. It runs on the leader, on
// followers and in replay, where there is no client. Nothing in this package
// reads a clock, global randomness, the environment, files or sockets, or lets
// the order of a Go map reach a reply or the state.
//
// A row's route follows from its flags and its function: a row with the flag
// "write" travels through the log (Log), another with a function passes the
// consistency gate (Gate), and one without a function is answered by the
// connection or the node (Local): what a CONFIG SET changes on all nodes
// travels as RAFT SET. COMMAND, arity errors, key extraction and
// ACL categories all come from the row.
package command
