// Package entry is the codec of what Raft's log holds: an Entry is stamped by
// the leader and carries batches, each encoded once by the node whose clients
// sent the commands. The leader joins encoded batches without decoding them.
//
// Layout (integers are unsigned varints, in their shortest form, unless said
// otherwise; the layout is Version unless something needs a later one):
//
//	entry: layout byte, with VersionDigest: digest byte, with VersionRaise: the
//	       machine version, stamp (ms), seed (8 bytes LE),
//	       count, CRC-32C of all before it (4 bytes LE), {length, batch}…
//	batch: layout byte, kind byte, server (length, bytes), boot, number, acked,
//	       body by kind, CRC-32C of all before it (4 bytes LE)
//	  Commands: count, {database, argument count, {length, bytes}…}…
//	  Register: client address (length, bytes)
//	  Part:     index, total, length, bytes
//	  Part, with VersionFirst: first, index, total, length, bytes
//	  Abandon, always with VersionFirst: first
//
// A log whose machine is at version 1 holds Version and VersionDigest, and the
// entry that raises it.
//
// Equal values have equal bytes. Anything malformed, over a limit (limits.go),
// or followed by more bytes is an error: it is never read in part.
package entry

// The layouts that this package writes and reads.
const (
	Version       = 1 // of batches and entries that need no other
	VersionDigest = 2 // of entries that ask for a digest
	VersionRaise  = 3 // of entries that raise the machine's version
	VersionFirst  = 2 // of batches that name a command's first part (machine version 2)
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
	Abandon                  // drops the parts of a command that nobody waits for (machine version 2)
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

	// First is the number of a command's first part. Of a Part it may be 0: then it
	// belongs to the command that began at Number - PartIndex (machine version 1).
	First     uint64
	PartIndex int // Part: 0 … PartTotal-1
	PartTotal int
	PartBytes []byte
}

// MachineVersion is the first version of the machine whose log may hold the batch.
func (b *Batch) MachineVersion() uint8 {
	if b.layout() == VersionFirst {
		return 2
	}
	return 1
}

func (b *Batch) layout() byte {
	if b.Kind == Abandon || b.Kind == Part && b.First > 0 {
		return VersionFirst
	}
	return Version
}

// Head is what the leader says in an entry.
type Head struct {
	StampMS int64  // the leader's time, Unix milliseconds
	Seed    uint64 // the leader's randomness for this entry
	Digest  Digest // what every node is to note once it has applied the entry
	Raise   uint8  // the version that the machine has from here on; 0: as before
}

// Entry is the payload of one Raft log entry. One without batches is the
// no-op of a new leader, a tick of the clock, asks for a digest, or raises the
// machine's version: that does nothing else.
type Entry struct {
	Head
	Batches []Batch
}
