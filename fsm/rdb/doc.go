// Package rdb writes and reads Redis's own dump format, version 10 (Redis 7.0:
// rdb.h, rdb.c), as a stream, and the payload of DUMP and RESTORE.
//
// A file is a header, auxiliary fields, and the objects of each database. It ends with a
// CRC64 of everything before. State that the format has no place for travels in auxiliary
// fields, which a stock Redis ignores. Fields before the first database belong to the
// file; a field before an object belongs to that object.
//
// The reader trusts nothing. What it allocates is bounded by what has really arrived. A
// truncation, a wrong length or a flipped bit is an error. The reader knows strings only;
// another type is an UnsupportedError that names it.
package rdb
