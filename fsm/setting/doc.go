// Package setting is the one table of settings that CONFIG knows: for each its
// name, scope, kind, default and check. Replicated settings are read by the
// machine while it applies, so they are state, changed through the log and kept
// in Values; a node's own are kept by the node; fixed ones answer truthfully
// and cannot be changed.
//
// A value is always held in its canonical form, the one that CONFIG GET
// answers with: Row.Parse makes it of what a client wrote. Its errors, and the
// texts that this package composes, are those of Redis 7.0.
package setting
