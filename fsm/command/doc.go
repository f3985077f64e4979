// Package command holds the table of commands: a row per command and the
// function that runs it.
//
// Files are named after what is in them. string_rows.go holds the rows of the
// string group and string_*.go the functions; key_*.go are the generic group
// (commands on keys of any type), then connection_*, server_*, cluster_* and
// raft_*. A new type brings a prefix of its own (hash_, list_, set_, zset_,
// stream_). table_*.go is the table itself: how rows are made, found and
// described. What functions of several groups share is in context.go,
// argument.go and longdouble.go.
//
// A row says what cannot be derived: what a client types (its usage, see
// table_usage.go), the function, flags, and where the keys are. The name, the
// arity, the documented arguments, the ACL categories and the old form of the
// key positions follow from these (table_row.go).
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
