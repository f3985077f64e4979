// Package rdb writes and reads Redis's own dump format, version 10 (Redis 7.0:
// rdb.h, rdb.c), as a stream, and the payload of DUMP and RESTORE.
//
// A file is a header, auxiliary fields, and for each database its objects; it
// ends with a CRC64 of everything before. What the format has no place for
// travels in auxiliary fields, which a stock Redis ignores: those before the
// first database belong to the file, those between the objects to the object
// that follows.
//
// The reader trusts nothing: what it allocates is bounded by what has really
// arrived, and a truncation, a wrong length or a flipped bit is an error. It
// knows strings only; another type is an UnsupportedError that names it.
package rdb
