package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

const (
	version   = 1
	sealBytes = 1 + 4
	// headBytes is the encoded size of an entry's index, term and type.
	headBytes = 8 + 8 + 1
)

// castagnoli is the CRC-32C table; every processor that we run on has an instruction for it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Put seals an entry whose index and term are final. It replaces an existing seal.
func Put(l *raft.Log) {
	s := make([]byte, sealBytes)
	s[0] = version
	binary.LittleEndian.PutUint32(s[1:], sum(l))
	l.Extensions = s
}

// Sealed reports whether an entry carries a seal, valid or not.
func Sealed(l *raft.Log) bool { return len(l.Extensions) > 0 }

// Check returns nil if the entry has the requested index and its seal matches.
func Check(l *raft.Log, index uint64) error {
	switch {
	case l.Index != index:
		return fmt.Errorf("it says that it is entry %d", l.Index)
	case !Sealed(l):
		return errors.New("it carries no checksum")
	case len(l.Extensions) != sealBytes:
		return fmt.Errorf("its checksum has %d bytes, not %d", len(l.Extensions), sealBytes)
	case l.Extensions[0] != version:
		return fmt.Errorf("its checksum has version %d, and this binary reads version %d", l.Extensions[0], version)
	}
	if stored, found := binary.LittleEndian.Uint32(l.Extensions[1:]), sum(l); stored != found {
		return fmt.Errorf("its checksum is %08x, and its content's is %08x", stored, found)
	}
	return nil
}

// sum returns the checksum of an entry.
func sum(l *raft.Log) uint32 {
	var head [headBytes]byte
	binary.LittleEndian.PutUint64(head[:], l.Index)
	binary.LittleEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	return crc32.Update(crc32.Update(0, castagnoli, head[:]), castagnoli, l.Data)
}
