package keyspace

// Databases is how many logical databases there are.
const Databases = 16

const (
	// bucketEntriesMax is the size at which a bucket splits. It bounds what
	// the first write to a bucket after a capture copies (8 KiB), and divides
	// what a capture copies: one pointer for some 300 objects.
	bucketEntriesMax = 512

	// blockBytesMax is the largest block. What is larger is a wide object, which
	// takes 64 bytes and two allocations more, but is not copied when its deadline
	// or its key changes, or when APPEND finds room behind it. A new block takes
	// less time than a new wide object up to here, and as long at 4 KiB.
	blockBytesMax = 2 << 10

	// pageSlots is the size of a page of the directory: what a capture copies
	// is one pointer for each page, and the first write to a page after it
	// copies the page (2 KiB).
	pageSlots = 256

	// bucketEntriesMerged is the largest bucket that a delete makes of two
	// neighbours. It is far below bucketEntriesMax, so that a size that swings
	// does not split and merge all the time.
	bucketEntriesMerged = 128

	// slotEntriesMin is the mean number of objects for each directory slot
	// that a doubling must leave. With it, hashes that were crafted to share
	// their leading bits make a large bucket, never a huge directory.
	slotEntriesMin = 64

	// bucketSpare is the share of a bucket's entries (one in so many) that it
	// grows by: a compromise between memory and copying.
	bucketSpare = 8

	// probesNear is how far a search walks from where an even spread of hashes
	// would have put the entry, before it bisects instead.
	probesNear = 32

	// blockBits is the number of leading hash bits that share one count of
	// objects; the counts let At find a rank without walking the database.
	blockBits = 10
)

// A block's header has two bytes for the length of its key.
const _ uint16 = blockBytesMax
