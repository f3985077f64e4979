package rdb

import "hash/crc64"

// jones is the table of Redis's CRC64: the Jones polynomial, reflected.
var jones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// checksum adds p to a checksum that began as 0. Go's CRC64 inverts the sum at both ends,
// Redis's does not.
func checksum(sum uint64, p []byte) uint64 {
	return ^crc64.Update(^sum, jones, p)
}
