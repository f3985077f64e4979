package segments

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft-wal/types"
)

// The layout of a segment file, as defined in raft-wal's segment/format.go: a header, then frames
// of a header and a payload, padded to eight bytes.
const (
	headerBytes      = 32
	headerMagic      = 0x58eb6b0d // with the version, 0, in the eighth byte
	frameHeaderBytes = 8
	frameAlign       = 8

	frameEntry  = 1 // the payload is an entry
	frameIndex  = 2 // the payload is the offset of every entry: the segment is sealed
	frameCommit = 3 // ends a batch; it has a checksum in place of a length
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a frame's header.
type frame struct {
	kind  byte
	value uint32 // the payload's length, a commit's checksum
}

// frameAt reads the frame at an offset; ok is false if there is none, or not all of it.
func frameAt(data []byte, at int) (f frame, ok bool) {
	if at+frameHeaderBytes > len(data) {
		return f, false
	}
	f = frame{data[at], binary.LittleEndian.Uint32(data[at+4:])}
	switch f.kind {
	case frameEntry, frameIndex:
		return f, f.value <= entryBytesMax && at+f.size() <= len(data)
	case frameCommit:
		return f, true
	}
	return f, false
}

// size returns the frame's length with its header and padding.
func (f frame) size() int {
	if f.kind == frameCommit {
		return frameHeaderBytes
	}
	return frameHeaderBytes + (int(f.value)+frameAlign-1)/frameAlign*frameAlign
}

// checkHeader compares a segment's header with what wal-meta.db records about the segment.
func checkHeader(data []byte, info types.SegmentInfo) error {
	if len(data) < headerBytes {
		return fmt.Errorf("it has %d bytes and no header", len(data))
	}
	if magic := binary.LittleEndian.Uint64(data); magic != headerMagic {
		return fmt.Errorf("it does not begin as a segment (%x)", magic)
	}
	for _, field := range []struct {
		name string
		at   int
		want uint64
	}{{"first entry", 8, info.BaseIndex}, {"number", 16, info.ID}, {"encoding", 24, info.Codec}} {
		if got := binary.LittleEndian.Uint64(data[field.at:]); got != field.want {
			return fmt.Errorf("its header says %s %d, and %s says %d", field.name, got, metaFile, field.want)
		}
	}
	return nil
}
