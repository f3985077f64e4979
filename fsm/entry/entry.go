// Package entry is the codec of the entries in Raft's log. An Entry is stamped by the
// leader and carries batches. The node whose clients sent the commands encodes each batch
// once; the leader joins encoded batches without decoding them.
//
// Layout (integers are unsigned varints in their shortest form, unless said otherwise;
// the layout byte is Version unless something needs a later one):
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
// While the machine is at version 1, the log holds only the layouts Version and
// VersionDigest, and the entry that raises the version.
//
// Equal values have equal bytes. Whatever is malformed, exceeds a limit (limits.go) or is
// followed by more bytes is an error. Nothing is ever decoded in part.
package entry

// The layouts that this package writes and reads.
const (
	Version       = 1 // batches and entries that need no other layout
	VersionDigest = 2 // entries that ask for a digest
	VersionRaise  = 3 // entries that raise the machine's version
	VersionFirst  = 2 // batches that name a command's first part (machine version 2)
)

// Digest says what an entry asks every node to record once it has applied the entry, so
// that the nodes can compare their machines. It is not part of the state, and no reply
// depends on it.
type Digest uint8

// What an entry may ask for.
const (
	NoDigest    Digest = iota
	HashDigest         // the running hash
	WholeDigest        // the running hash, and a digest of the whole state
)

// Session names one run of one server's process. Batches are applied exactly once within it.
type Session struct {
	Server string // id@incarnation
	Boot   uint64 // raised and synced before each start of the process
}

// Kind says what a batch does.
type Kind uint8

// The kinds of batches.
const (
	Commands Kind = iota + 1 // runs its commands; none at all is a valid batch
	Register                 // opens the session; its number is 0
	Part                     // a piece of an encoded Commands body that is larger than an entry
	Abandon                  // drops the parts of a command that nobody waits for (machine version 2)
)

// Command is one command of a batch. Args[0] is its name in lower case (the
// sub-command, if any, stays Args[1]). Decoded arguments share the entry's bytes.
type Command struct {
	DB   int
	Args [][]byte
}

// Batch holds what a node sends in one group commit, under one number of its session.
type Batch struct {
	Session
	Kind     Kind
	Number   uint64 // the session's batches are numbered 1, 2, 3, …
	Acked    uint64 // the replies of all numbers up to this one have been received
	Commands []Command

	ClientAddr string // Register: the address that clients are given (host:port)

	// First is the number of a command's first part. In a Part it may be 0: the part then
	// belongs to the command that began at Number - PartIndex (machine version 1).
	First     uint64
	PartIndex int // Part: 0 … PartTotal-1
	PartTotal int
	PartBytes []byte
}

// MachineVersion returns the lowest machine version at which the log may hold the batch.
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

// Head is the part of an entry that the leader makes.
type Head struct {
	StampMS int64  // the leader's time, Unix milliseconds
	Seed    uint64 // the leader's randomness for this entry
	Digest  Digest // what every node records once it has applied the entry
	Raise   uint8  // the machine's version from this entry on; 0: unchanged
}

// Entry is the payload of one entry of Raft's log. An entry without batches is the no-op
// of a new leader, a tick of the clock, a request for a digest, or a raise of the
// machine's version. A raise does nothing else.
type Entry struct {
	Head
	Batches []Batch
}
