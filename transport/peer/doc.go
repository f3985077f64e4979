// Package peer carries all traffic between nodes over one listening port. Each connection opens
// with a greeting that names the protocol version, the lane, the cluster, the server that it comes
// from and the server that it is meant for. If any of these does not fit, the connection is refused
// with a reason. A lane carries either a raw stream (Raft's own) or requests and answers in frames.
// Frames are versioned, bounded in length and checksummed, and many requests may be in flight on
// one connection.
package peer
