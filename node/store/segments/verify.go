package segments

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/kvorum/kvorum/node/store/directory"
)

// finding is the content of a verified log.
type finding struct {
	state types.PersistentState
	tail  types.SegmentInfo
	there bool   // the tail's file exists
	data  []byte // of the tail
	scan  scan   // of the tail
	last  uint64 // index of the last entry, 0 for none
}

// verifier reads a whole log and changes nothing.
type verifier struct {
	path  string
	dir   directory.Directory
	floor uint64
	read  bytes.Buffer
}

// verify checks the files against the state, and every batch against its checksum.
func (v *verifier) verify(state types.PersistentState) (finding, error) {
	found := finding{state: state}
	if err := v.checkList(state); err != nil {
		return found, err
	}
	if err := v.checkNames(state); err != nil {
		return found, err
	}
	sealed := len(state.Segments) - 1
	for _, info := range state.Segments[:sealed] {
		if err := v.checkSealed(info); err != nil {
			return found, err
		}
	}
	found.tail = state.Segments[sealed]
	err := v.checkTail(&found)
	return found, err
}

// damaged returns d as an error with the full path of its file.
func (v *verifier) damaged(d Damage) error {
	d.File = filepath.Join(v.path, d.File)
	return &d
}

// checkList checks that the listed segments follow each other.
func (v *verifier) checkList(state types.PersistentState) error {
	wrong := func(format string, args ...any) error {
		return v.damaged(Damage{File: metaFile, Offset: -1, What: fmt.Sprintf(format, args...)})
	}
	if len(state.Segments) == 0 {
		return wrong("it lists no segment, and entries were stored")
	}
	for i, s := range state.Segments {
		tail := i == len(state.Segments)-1
		switch {
		case s.Codec != wal.CodecBinaryV1:
			return wrong("segment %d has encoding %d, which is none", s.ID, s.Codec)
		case s.SealTime.IsZero() != tail:
			return wrong("segment %d is sealed or not against its place", s.ID)
		case tail && (s.MaxIndex != 0 || s.IndexStart != 0):
			return wrong("segment %d is open and has an end, entry %d", s.ID, s.MaxIndex)
		case s.ID >= state.NextSegmentID:
			return wrong("it lists segment %d, and says that %d is the next one", s.ID, state.NextSegmentID)
		case s.BaseIndex == 0 || s.MinIndex < s.BaseIndex || i > 0 && s.MinIndex != s.BaseIndex:
			return wrong("segment %d begins at entry %d, of which those from %d count", s.ID, s.BaseIndex, s.MinIndex)
		case !tail && s.MaxIndex < s.MinIndex:
			return wrong("segment %d ends at entry %d, before it begins", s.ID, s.MaxIndex)
		}
		if i == 0 {
			continue
		}
		if before := state.Segments[i-1]; before.MaxIndex+1 != s.BaseIndex || before.ID >= s.ID {
			return wrong("segment %d ends at entry %d, and segment %d after it begins at %d", before.ID, before.MaxIndex, s.ID, s.BaseIndex)
		}
	}
	return nil
}

// checkNames finds files that are newer than the list. Older files that are not listed were left
// by a truncation.
func (v *verifier) checkNames(state types.PersistentState) error {
	names, err := v.dir.Names()
	if err != nil {
		return fmt.Errorf("list %s: %w", v.path, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, segmentSuffix) {
			continue
		}
		info, ok := parseSegmentName(name)
		if !ok {
			return fmt.Errorf("%s is no segment of the log: remove it", filepath.Join(v.path, name))
		}
		if info.ID >= state.NextSegmentID {
			return v.damaged(Damage{File: metaFile, Offset: -1, What: fmt.Sprintf("it is older than %s: its newest state cannot be read", name)})
		}
	}
	return nil
}

func parseSegmentName(name string) (info types.SegmentInfo, ok bool) {
	_, err := fmt.Sscanf(name, "%020d-%016x"+segmentSuffix, &info.BaseIndex, &info.ID)
	return info, err == nil && segment.FileName(info) == name
}

// load reads a segment's file into the shared buffer.
func (v *verifier) load(info types.SegmentInfo) ([]byte, error) {
	name := segment.FileName(info)
	file, err := v.dir.Open(name, false)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	v.read.Reset()
	v.read.Grow(min(int(info.SizeLimit), segmentBytesFirstRelease) + bytes.MinRead) // a buffer that grows in steps is cleared each time
	if _, err := v.read.ReadFrom(&reader{file: file}); err != nil {
		return nil, v.damaged(Damage{File: name, Offset: int64(v.read.Len()), What: "it cannot be read", Err: err})
	}
	return v.read.Bytes(), nil
}

// reader reads a file from its start.
type reader struct {
	file directory.File
	at   int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.file.ReadAt(p, r.at)
	r.at += int64(n)
	return n, err
}

// checkSealed checks a sealed segment against the list and its checksums.
func (v *verifier) checkSealed(info types.SegmentInfo) error {
	name := segment.FileName(info)
	data, err := v.load(info)
	if errors.Is(err, fs.ErrNotExist) {
		return v.damaged(Damage{File: name, Offset: -1, Index: info.BaseIndex, What: "it is not there, and " + metaFile + " lists it", Err: err})
	}
	if err != nil {
		return err
	}
	s := scanSegment(data, math.MaxUint64)
	next := info.BaseIndex + s.entries
	switch {
	case !s.sealed():
		return v.damaged(Damage{File: name, Offset: int64(s.end), Index: next, What: "its checksum does not fit"})
	case s.indexStart != int(info.IndexStart):
		return v.damaged(Damage{File: name, Offset: int64(s.indexStart), What: fmt.Sprintf("its index stands here, and %s says %d", metaFile, info.IndexStart)})
	case next <= info.MaxIndex:
		return v.damaged(Damage{File: name, Offset: int64(s.end), Index: next, What: fmt.Sprintf("it ends here, and %s says that it holds the entries to %d", metaFile, info.MaxIndex)})
	}
	if err := checkHeader(data, info); err != nil {
		return v.damaged(Damage{File: name, Offset: 0, What: "its header is another segment's", Err: err})
	}
	return nil
}

// checkTail checks the tail. It distinguishes damage from what a crash may leave of the last
// batch.
func (v *verifier) checkTail(found *finding) error {
	info, name := found.tail, segment.FileName(found.tail)
	data, err := v.load(info)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found.there, found.data = err == nil, data
	synced := uint64(0)
	if v.floor >= info.BaseIndex {
		synced = v.floor - info.BaseIndex + 1
	}
	found.scan = scanSegment(data, synced)
	next := info.BaseIndex + found.scan.entries
	if found.scan.entries > 0 || len(found.state.Segments) > 1 {
		found.last = next - 1
	}
	if found.scan.end > 0 {
		if err := checkHeader(data, info); err != nil {
			return v.damaged(Damage{File: name, Offset: 0, What: "its header is another segment's", Err: err})
		}
	}
	if next <= info.MinIndex && info.MinIndex > info.BaseIndex {
		return v.damaged(Damage{File: name, Offset: int64(found.scan.end), Index: next, What: fmt.Sprintf("it ends here, and held entry %d", info.MinIndex)})
	}
	switch b, is := found.scan.behind(data, next); is {
	case aWholeBatch:
		return v.damaged(Damage{File: name, Offset: int64(found.scan.end), Index: next, What: fmt.Sprintf("its checksum does not fit, and what was stored after it is whole, at offset %d", b.start)})
	case undecided:
		return v.damaged(Damage{File: name, Offset: int64(found.scan.end), Index: next, What: "its checksum does not fit, and whether anything was stored after it cannot be told"})
	}
	if found.last < v.floor {
		what := fmt.Sprintf("it ends here, and the entries to %d were stored", v.floor)
		if !found.there {
			return v.damaged(Damage{File: name, Offset: -1, Index: next, What: "it is not there, and the entries to " + fmt.Sprint(v.floor) + " were stored", Err: err})
		}
		return v.damaged(Damage{File: name, Offset: int64(found.scan.end), Index: next, What: what})
	}
	return nil
}
