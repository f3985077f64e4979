package entry

// Limits of the codec. What is over one of them is an error, for the writer
// and for the reader.
const (
	// EntryBytesMax bounds an encoded entry: larger ones delay Raft's heartbeats.
	EntryBytesMax = 512 << 10

	// BatchBytesMax bounds an encoded batch, so that two nodes' fullest batches fit an entry
	// but for a few bytes.
	BatchBytesMax = 256<<10 - 64

	// BodyOverheadMax bounds what a batch takes beside its body.
	BodyOverheadMax = 512

	// BodyBytesMax bounds the body of a Commands batch that travels whole; what
	// is larger travels in parts.
	BodyBytesMax = BatchBytesMax - BodyOverheadMax

	// PartBytesMax bounds the bytes of one Part.
	PartBytesMax = BodyBytesMax

	// SplitBytesMax bounds a body that travels in parts: a value of 512 MiB, and
	// room for its key and for the lengths of a million arguments.
	SplitBytesMax = 512<<20 + 16<<20

	// PartsMax bounds how many parts a body may be in.
	PartsMax = 4096

	// BatchesMax bounds the batches of one entry.
	BatchesMax = 4096

	// CommandsMax bounds the commands of one batch.
	CommandsMax = 16384

	// ArgsMax bounds the arguments of one command, as Redis does.
	ArgsMax = 1 << 20

	// NameBytesMax bounds a server's id and a client address.
	NameBytesMax = 200

	// databasesMax bounds a database's number here; the machine knows better.
	databasesMax = 1 << 16

	// arenaKept bounds the argument headers that a Decoder keeps for its next entry.
	arenaKept = 64 << 10

	// serversKept bounds the names that a Decoder remembers.
	serversKept = 64
)
