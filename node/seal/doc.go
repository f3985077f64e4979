// Package seal computes a checksum over a whole log entry: its index, term, type and data. Neither
// hashicorp/raft nor its log stores have one. Without it, a node would trust whatever its disk
// returns, send it on, and could outvote nodes whose logs are intact ("Protocol-Aware Recovery for
// Consensus-Based Storage", FAST 2018).
//
// The seal is stored in raft.Log.Extensions. It travels with the entry, every log store keeps it,
// and servers of the first release ignore it.
//
//	byte 0     the version, 1
//	bytes 1-4  CRC-32C, little endian, over index, term (8 bytes each, little
//	           endian), type (1 byte) and data
//
// A seal with another version counts as wrong. A release may write a new version only if the
// release before it can read that version.
package seal
