package cluster

import "bytes"

// Slots is how many hash slots Redis Cluster has.
const Slots = 16384

// KeySlot is the hash slot of a key: CRC-16/XMODEM of the part between the
// first "{" and the next "}" if that is not empty, else of the whole key
// (Redis Cluster specification, "Hash tags").
func KeySlot(key []byte) int {
	if _, after, ok := bytes.Cut(key, []byte("{")); ok {
		if tag, _, ok := bytes.Cut(after, []byte("}")); ok && len(tag) > 0 {
			key = tag
		}
	}
	var crc uint16
	for _, b := range key {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^b]
	}
	return int(crc) % Slots
}

// crcTable is CRC-16/XMODEM (polynomial 0x1021, start 0) by byte.
var crcTable = makeCRCTable()

func makeCRCTable() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
		table[i] = crc
	}
	return table
}
