// Package seal puts a checksum over a log entry as a whole: its index, term, type
// and data. Neither hashicorp/raft nor its log stores have one, so that what a disk
// returns would be believed, sent on, and could outvote those who are intact
// ("Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).
//
// The seal is kept in raft.Log.Extensions: it travels with the entry, every log
// store keeps it, and servers of the first release ignore it.
//
//	byte 0     the version, 1
//	bytes 1-4  CRC-32C, little endian, over index, term (8 bytes each, little
//	           endian), type (1 byte) and data
//
// A seal of another version counts as a wrong one. A release that is to write a new
// version must read it one release earlier.
package seal
