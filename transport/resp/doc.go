// Package resp serves Redis clients. redcon accepts them and runs a goroutine
// for each; a guard stands between it and their bytes; the commands that
// belong to a connection (HELLO, AUTH, CLIENT, SELECT, COMMAND, …) are answered
// here; replies go out as RESP2 or RESP3.
//
// It knows no cluster: what needs the replicated machine goes to an Executor,
// what needs the node's administration to an Admin.
//
// In reading order: Server (server.go) takes connections in through its door
// (door.go). A guard (guard.go, framing.go, inline.go) splits a client's bytes
// into commands, within Redis's limits, and wakes redcon when a batch has
// arrived. The client (client.go) makes a plan of the batch (plan.go) so that a
// pipeline costs few calls of the Executor, and its output (output.go) renders
// the replies in order. The sweep (sweep.go) finds clients that are idle, that
// do not read, or that have hung up.
//
// redcon's own parser is never given a client's bytes. It sets no limits (a
// length near 2^63 crashes it, a large count keeps it busy for good, an endless
// pipeline grows its buffer for ever), hands over 4 KB at a time, parses a
// large command again at each doubling of its buffer, and copies each command.
// Bytes that are checked on their way to it are as good as parsed, so the guard
// keeps the commands, and redcon is told that there are some.
package resp
