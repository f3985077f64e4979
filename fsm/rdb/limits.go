package rdb

const (
	// bufferBytes is what the writer gathers and the reader asks for at once.
	// Go's crc64 makes itself a table for each large piece; this size hides that.
	bufferBytes = 64 << 10

	// trustBytes is the largest claimed length that is allocated before its
	// bytes have arrived.
	trustBytes = 1 << 20

	// fieldsMax is how many auxiliary fields one object may have.
	fieldsMax = 64

	// databasesMax is above the largest database number accepted (Redis stores
	// it as an int).
	databasesMax = 1 << 31

	// integerBytesMax is the longest text that is tried as an integer (Redis
	// 7.0: rdbSaveRawString).
	integerBytesMax = 11

	// compressBytesMin is the shortest value that DUMP tries to compress
	// (Redis 7.0: rdbSaveRawString, more than 20 bytes).
	compressBytesMin = 21
)
