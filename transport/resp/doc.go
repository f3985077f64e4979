// Package resp serves Redis clients. One goroutine for each client reads commands, runs them and
// sends the replies, as RESP2 or RESP3. The package itself answers the commands that concern only a
// connection (HELLO, AUTH, CLIENT, SELECT, MONITOR, …).
//
// It knows nothing of the cluster. Commands that need the replicated machine go to an Executor, and
// commands about the node go to an Admin.
//
// In reading order: Server (server.go) accepts connections (door.go). A client (client.go) takes
// the commands that arrived together from its input (input.go, framing.go, inline.go). It makes a
// plan of them (plan.go), so that a pipeline costs few calls of the Executor. Its outbox
// (outbox.go) sends the replies in order, with the pushes of other clients between them. A reply of
// many small values is rendered early (render.go). The client's state (state.go) says which
// commands it accepts. A lookout (lookout.go, ahead.go) notices that a client disconnects while a
// node command runs. The sweep (sweep.go) finds clients that are idle, hold memory that they do not
// need, or do not read.
package resp
