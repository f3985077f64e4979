// Package resp serves Redis clients: a goroutine for each reads commands, has
// them run and sends the replies, as RESP2 or RESP3. The commands that belong to
// a connection (HELLO, AUTH, CLIENT, SELECT, MONITOR, …) are answered here.
//
// It knows no cluster: what needs the replicated machine goes to an Executor,
// what needs the node's administration to an Admin.
//
// In reading order: Server (server.go) lets connections in (door.go). A client
// (client.go) takes from its input (input.go, framing.go, inline.go) the commands
// that have arrived together, makes a plan of them (plan.go) so that a pipeline
// costs few calls of the Executor, and has its outbox (outbox.go) send the replies
// in order, and between them what others push. A reply of many small values is
// rendered before (render.go). Its state (state.go) says what it takes at present.
// A lookout (lookout.go, ahead.go) notices a client's end while it waits for a command of
// the node's. The sweep (sweep.go) finds clients that are idle, that hold memory
// they do not need, or that do not read.
package resp
