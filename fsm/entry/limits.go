package entry

// Limits of the codec. Exceeding one of them is an error, when encoding and when
// decoding.
const (
	// EntryBytesMax bounds an encoded entry, because larger ones delay Raft's heartbeats.
	EntryBytesMax = 512 << 10

	// BatchBytesMax bounds an encoded batch. It is a little less than half of
	// EntryBytesMax, so that an entry can hold two full batches.
	BatchBytesMax = 256<<10 - 64

	// BodyOverheadMax bounds what a batch takes beside its body.
	BodyOverheadMax = 512

	// BodyBytesMax bounds the body of a Commands batch that travels whole. A larger body
	// travels in parts.
	BodyBytesMax = BatchBytesMax - BodyOverheadMax

	// PartBytesMax bounds the bytes of one Part.
	PartBytesMax = BodyBytesMax

	// SplitBytesMax bounds a body that travels in parts: a value of 512 MiB, and
	// room for its key and for the lengths of a million arguments.
	SplitBytesMax = 512<<20 + 16<<20

	// PartsMax bounds the number of parts of a body.
	PartsMax = 4096

	// BatchesMax bounds the batches of one entry.
	BatchesMax = 4096

	// CommandsMax bounds the commands of one batch.
	CommandsMax = 16384

	// ArgsMax bounds the arguments of one command, as Redis does.
	ArgsMax = 1 << 20

	// NameBytesMax bounds a server's id and a client address.
	NameBytesMax = 200

	// databasesMax bounds a database's number in the codec; the machine has a tighter bound.
	databasesMax = 1 << 16

	// arenaKept bounds the argument headers that a Decoder keeps for its next entry.
	arenaKept = 64 << 10

	// serversKept bounds the names that a Decoder remembers.
	serversKept = 64
)
