package command

const (
	// nameBytesMax bounds the name of a command or sub-command that can be found.
	nameBytesMax = 32

	// quotedBytesMax bounds how much of a client's bytes an error reply quotes (Redis: 128).
	quotedBytesMax = 128

	// embstrBytesMax is up to which length a string is embedded in its object,
	// as OBJECT ENCODING shows it (Redis: OBJ_ENCODING_EMBSTR_SIZE_LIMIT).
	embstrBytesMax = 44

	// sharedIntegers is below which number Redis shares integer values, as
	// OBJECT REFCOUNT shows it (Redis: OBJ_SHARED_INTEGERS).
	sharedIntegers = 10000

	// bulkBytesMax is the largest string where no settings say otherwise
	// (Redis: the default of proto-max-bulk-len).
	bulkBytesMax = 512 << 20

	// objectBytes is the size that MEMORY USAGE counts for an object beside the bytes of its key
	// and value: the object, its place in a bucket and in the index of deadlines.
	objectBytes = 120

	// floatBytesMax is the length from which INCRBYFLOAT refuses a number's text (Redis:
	// MAX_LONG_DOUBLE_CHARS).
	floatBytesMax = 5 * 1024

	// decimalExponentMax bounds the decimal exponents of long doubles on both
	// sides, so that a short text cannot ask for a number of many megabytes.
	decimalExponentMax = 5000

	// floatExponentMax is the value at which a written exponent stops counting: no mantissa of
	// floatBytesMax digits brings it back into range.
	floatExponentMax = 1 << 20
)
