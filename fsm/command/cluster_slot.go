package command

import (
	"bytes"

	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/reply"
)

// Slots is the number of hash slots in Redis Cluster.
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

// slotOf reads a slot's number; what is none is answered with refused.
func slotOf(arg []byte) (slot int64, refused reply.Value) {
	slot, ok := parseInt(arg)
	if !ok {
		return 0, errNotInteger
	}
	return slot, reply.Value{}
}

// inSlot visits the keys of the selected database that are in a slot, until
// visit returns false. There is no index by slot: every key is looked at.
func (c *Context) inSlot(slot int64, visit func(*keyspace.Object) bool) {
	c.Keys.Range(c.DB, func(o *keyspace.Object) bool {
		return int64(KeySlot([]byte(o.Key()))) != slot || visit(o)
	})
}

func clusterCountKeysInSlotCommand(c *Context) reply.Value {
	slot, refused := slotOf(c.Args[2])
	if refused.IsError() {
		return refused
	}
	if slot < 0 || slot >= Slots {
		return reply.Err("ERR Invalid slot")
	}
	count := int64(0)
	c.inSlot(slot, func(o *keyspace.Object) bool {
		c.notice(o)
		count++
		return true
	})
	return reply.Int(count)
}

func clusterGetKeysInSlotCommand(c *Context) reply.Value {
	slot, refused := slotOf(c.Args[2])
	if refused.IsError() {
		return refused
	}
	most, ok := parseInt(c.Args[3])
	switch {
	case !ok:
		return errNotInteger
	case slot < 0 || slot >= Slots || most < 0:
		return reply.Err("ERR Invalid slot or number of keys")
	}
	var keys []reply.Value
	if most == 0 {
		return reply.List()
	}
	c.inSlot(slot, func(o *keyspace.Object) bool {
		c.notice(o)
		keys = append(keys, reply.Text(o.Key()))
		return int64(len(keys)) < most
	})
	return reply.List(keys...)
}
