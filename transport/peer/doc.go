// Package peer carries everything between nodes over one listening port: each
// connection opens with a greeting that names the protocol's version, the
// lane, the cluster, the server it comes from and the server it is meant for,
// and is refused with a reason when any of these does not fit. A lane is
// either a raw stream (Raft's own) or requests and answers in frames, many in
// flight on one connection, versioned, bounded in length and checksummed.
package peer
