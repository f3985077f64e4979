package rdb

const (
	// bufferBytes is the number of bytes that the writer gathers before it writes, and that the
	// reader asks for at once. Go's crc64 builds a table for each large piece; at this size that
	// does not matter.
	bufferBytes = 64 << 10

	// trustBytes bounds how much of a claimed length is allocated before its bytes have arrived.
	trustBytes = 1 << 20

	// fieldsMax bounds the auxiliary fields of one object.
	fieldsMax = 64

	// databasesMax is one more than the largest database number accepted (Redis stores it
	// as an int).
	databasesMax = 1 << 31

	// integerBytesMax is the length of the longest text that may be stored as an integer
	// (Redis 7.0: rdbSaveRawString).
	integerBytesMax = 11

	// compressBytesMin is the length of the shortest value that DUMP tries to compress
	// (Redis 7.0: rdbSaveRawString, more than 20 bytes).
	compressBytesMin = 21
)
