// Package entry is the codec of what Raft's log holds: an Entry is stamped by
// the leader and carries batches, each encoded once by the node whose clients
// sent the commands. The leader joins encoded batches without decoding them.
//
// Layout (integers are unsigned varints, in their shortest form, unless said
// otherwise; version is 1, but that an entry which asks for a digest is of
// version 2, and has one byte more):
//
//	entry: version byte, with version 2: digest byte, stamp (ms), seed (8 bytes LE),
//	       count, CRC-32C of all before it (4 bytes LE), {length, batch}…
//	batch: version byte, kind byte, server (length, bytes), boot, number, acked,
//	       body by kind, CRC-32C of all before it (4 bytes LE)
//	  Commands: count, {database, argument count, {length, bytes}…}…
//	  Register: client address (length, bytes)
//	  Part:     index, total, length, bytes
//
// Equal values have equal bytes. Anything malformed, over a limit (limits.go),
// or followed by more bytes is an error: it is never read in part.
package entry

// The layouts that this package writes and reads.
const (
	Version       = 1 // of batches, and of entries that ask for no digest
	VersionDigest = 2 // of entries that do
)

// Digest is what an entry asks every node for once it has applied it: to note
// its machine's running hash there, so that the nodes can compare (it is not
// part of the state, and no reply depends on it).
type Digest uint8

// What an entry may ask for.
const (
	NoDigest    Digest = iota
	HashDigest         // the running hash
	WholeDigest        // the running hash, and a digest of the whole state
)

// Session names one run of one server's process: exactly-once is judged within it.
type Session struct {
	Server string // id@incarnation
	Boot   uint64 // raised and synced before each start of the process
}

// Kind says what a batch does.
type Kind uint8

// The kinds of batches.
const (
	Commands Kind = iota + 1 // runs its commands; none at all is a valid batch
	Register                 // opens the session (its number is 0)
	Part                     // a piece of an encoded Commands body that is larger than an entry
)

// Command is one command of a batch. Args[0] is its name in lower case (the
// sub-command, if any, stays Args[1]). Decoded arguments share the entry's bytes.
type Command struct {
	DB   int
	Args [][]byte
}

// Batch is what one node's group commit sends under one number of its session.
type Batch struct {
	Session
	Kind     Kind
	Number   uint64 // the session's batches count 1, 2, 3, …
	Acked    uint64 // the replies of all numbers up to this one have been received
	Commands []Command

	ClientAddr string // Register: what clients are told (host:port)

	PartIndex int // Part: 0 … PartTotal-1; they travel under consecutive numbers
	PartTotal int
	PartBytes []byte
}

// Head is what the leader says in an entry.
type Head struct {
	StampMS int64  // the leader's time, Unix milliseconds
	Seed    uint64 // the leader's randomness for this entry
	Digest  Digest // what every node is to note once it has applied the entry
}

// Entry is the payload of one Raft log entry. One without batches is the
// no-op of a new leader, a tick of the clock, or asks for a digest.
type Entry struct {
	Head
	Batches []Batch
}
