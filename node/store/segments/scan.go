package segments

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// scan describes the content of a segment file: its whole batches from the start.
type scan struct {
	entries    uint64 // in whole batches
	end        int    // offset behind the last whole batch
	last       int    // offset at which the last whole batch begins
	doubtful   int    // offset of the first batch that is not known to have been synced
	indexStart int    // offset of a sealed segment's index, 0 while the segment is open
	dirty      int    // offset behind the last byte that is not zero; at least end
}

// torn reports whether something follows the last whole batch.
func (s scan) torn() bool { return s.dirty > s.end }

// sealed reports whether the index was written.
func (s scan) sealed() bool { return s.indexStart > 0 }

// scanSegment reads the batches of a segment. Its first synced entries are known to have been
// synced.
func scanSegment(data []byte, synced uint64) scan {
	var s scan
	for !s.sealed() {
		b, ok := batchAt(data, s.end)
		if !ok || !b.fits(data) || !b.indexes(s.entries) {
			break
		}
		s.entries += uint64(b.entries)
		s.last, s.end, s.indexStart = b.start, b.end, b.indexStart
		if s.entries <= synced {
			s.doubtful = b.end
		}
	}
	s.dirty = s.end + len(bytes.TrimRight(data[s.end:], "\x00"))
	return s
}

// batch is a run of frames up to a commit frame.
type batch struct {
	start, end int
	entries    int
	indexStart int // of its index frame's payload, 0: none
	indexBytes int
	first      int // of its first entry's payload, 0: none
}

// batchAt follows the frames from start to the next commit frame.
func batchAt(data []byte, start int) (b batch, ok bool) {
	b.start = start
	at := start
	if start == 0 {
		at = headerBytes // the header is in the first batch
	}
	for {
		f, ok := frameAt(data, at)
		if !ok {
			return b, false
		}
		switch f.kind {
		case frameEntry:
			if b.entries++; b.first == 0 {
				b.first = at + frameHeaderBytes
			}
		case frameIndex:
			b.indexStart, b.indexBytes = at+frameHeaderBytes, int(f.value)
		case frameCommit:
			b.end = at + frameHeaderBytes
			return b, b.entries > 0 || b.indexStart > 0
		}
		at += f.size()
	}
}

// fits reports whether the batch matches its checksum.
func (b batch) fits(data []byte) bool {
	commit := b.end - frameHeaderBytes
	return crc32.Checksum(data[b.start:commit], castagnoli) == binary.LittleEndian.Uint32(data[commit+4:])
}

// indexes reports whether the batch's index, if it has one, has a place for each entry: the
// earlier ones and its own.
func (b batch) indexes(before uint64) bool {
	return b.indexStart == 0 || uint64(b.indexBytes) == 4*(before+uint64(b.entries))
}

// behind looks for a whole batch behind the last one of an open segment.
func (s scan) behind(data []byte, next uint64) (b batch, v verdict) {
	if s.sealed() || !s.torn() {
		return b, nothingWhole
	}
	return batchBehind(data, s.end, next)
}

// verdict says what follows the place where a segment's batches end.
type verdict int

const (
	nothingWhole verdict = iota
	aWholeBatch
	undecided // too much looks like batches
)

// batchBehind looks for a whole batch behind the place where the batches from the start of a
// segment end. If there is one, what is at that place was damaged. If there is none, it was torn,
// because only the last write can be torn.
//
// next is the index of the first missing entry. A batch counts if its checksum matches and its
// first entry's index is possible at that place. So a client's value cannot pass for a batch. Nor
// can a value make a start take long: the work grows with the length of what is torn, and a search
// that takes more is left undecided.
func batchBehind(data []byte, from int, next uint64) (b batch, v verdict) {
	if from = max(from, headerBytes); from >= len(data) {
		return b, nothingWhole
	}
	commits := commitsBehind(data, from)
	work := behindWorkMax * (len(data) - from)
	for at := from + frameAlign; at+frameHeaderBytes <= len(data); at += frameAlign {
		commit := int(commits[(at-from)/frameAlign])
		if commit == 0 || !begins(data, at, from, next) {
			continue
		}
		if work -= commit - at; work < 0 {
			return b, undecided
		}
		if b, ok := batchAt(data, at); ok && b.plausible(data, from, next) && b.fits(data) {
			return b, aWholeBatch
		}
	}
	return b, nothingWhole
}

// commitsBehind returns, for each place behind from in steps of frameAlign, the offset of the
// commit frame that the frames from there lead to; 0 if they lead to none.
func commitsBehind(data []byte, from int) []uint32 {
	commits := make([]uint32, (len(data)-from)/frameAlign+1)
	for i := len(commits) - 1; i >= 0; i-- {
		at := from + i*frameAlign
		f, ok := frameAt(data, at)
		switch next := (at + f.size() - from) / frameAlign; {
		case !ok:
		case f.kind == frameCommit:
			commits[i] = uint32(at)
		case next < len(commits):
			commits[i] = commits[next]
		}
	}
	return commits
}

// begins reports, by the first frame alone, whether a batch can begin at a place.
func begins(data []byte, at, from int, next uint64) bool {
	f, ok := frameAt(data, at)
	if !ok || f.kind == frameCommit || !zero(data[at+1:at+4]) {
		return false
	}
	payload := at + frameHeaderBytes
	b := batch{start: at, end: at + f.size()}
	if f.kind == frameEntry {
		b.entries, b.first = 1, payload
	} else {
		b.indexStart, b.indexBytes = payload, int(f.value)
	}
	return b.plausible(data, from, next)
}

// plausible reports whether the batch can stand where it does. Between it and from there must be
// at least one entry, and no more than there is room for.
func (b batch) plausible(data []byte, from int, next uint64) bool {
	if b.entries == 0 { // a segment sealed by itself; its index begins with the first frame
		return b.indexBytes >= 4 && binary.LittleEndian.Uint32(data[b.indexStart:]) == headerBytes
	}
	index, n := binary.Uvarint(data[b.first:b.end])
	between := uint64(b.start-from) / (2 * frameHeaderBytes)
	return n > 0 && index > next && index <= next+between
}

func zero(p []byte) bool { return len(bytes.TrimRight(p, "\x00")) == 0 }
