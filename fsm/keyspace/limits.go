package keyspace

// Databases is the number of logical databases.
const Databases = 16

const (
	// bucketEntriesMax is the size at which a bucket splits. It bounds what the first
	// write to a bucket after a capture copies (8 KiB). The larger it is, the fewer slots
	// the directory has: about one for 300 objects.
	bucketEntriesMax = 512

	// blockBytesMax is the size of the largest block. A larger object is a wide one. That
	// takes 64 bytes and two allocations more, but its value is not copied when the
	// deadline or the key changes, or when APPEND finds room after it. Up to this size, a
	// new block takes less time than a new wide object; at 4 KiB, it takes as long.
	blockBytesMax = 2 << 10

	// pageSlots is the number of slots in a page of the directory. A capture copies one
	// pointer for each page, and the first write to a page after it copies the page
	// (2 KiB).
	pageSlots = 256

	// bucketEntriesMerged bounds the bucket that a delete makes by joining two
	// neighbours. It is far below bucketEntriesMax, so that buckets do not split and merge
	// all the time when the number of objects swings.
	bucketEntriesMerged = 128

	// slotEntriesMin is the mean number of objects per directory slot that must remain
	// when the directory doubles. With it, hashes that were crafted to share their leading
	// bits cause a large bucket, never a huge directory.
	slotEntriesMin = 64

	// bucketSpare determines by how much a bucket grows: by one bucketSpare-th of its
	// entries. It is a compromise between memory and copying.
	bucketSpare = 8

	// probesNear is the number of entries that a search probes next to its first guess before it
	// changes to bisection.
	probesNear = 32

	// blockBits is the number of leading hash bits by which objects are counted. The
	// counts let At find a rank without walking the whole database.
	blockBits = 10
)

// This fails to compile unless the length of a block's key fits the two bytes that the header has for it.
const _ uint16 = blockBytesMax
