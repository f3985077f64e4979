package segments

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// firstState returns the state of a log that has never held an entry: one segment, small enough to
// be zeroed when it is created.
func firstState(bytes int) types.PersistentState {
	first := types.SegmentInfo{ID: 1, BaseIndex: 1, MinIndex: 1, Codec: wal.CodecBinaryV1, CreateTime: time.Now(), SizeLimit: uint32(bytes)}
	return types.PersistentState{NextSegmentID: 2, Segments: []types.SegmentInfo{first}}
}

// repair finishes what a crash interrupted: it wipes the partly written last batch, and completes
// the rotation of a sealed tail. It returns the state to commit.
func (o *Options) repair(found finding) (types.PersistentState, error) {
	name := segment.FileName(found.tail)
	switch {
	case !found.there:
	case found.scan.end == 0 && len(found.data) < int(found.tail.SizeLimit):
		// Cut short while it was made; wal.Open makes it again.
		if err := o.Dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found.state, err
		}
	default:
		if err := o.repairTail(name, found); err != nil {
			return found.state, fmt.Errorf("repair the end of the log: %w", err)
		}
	}
	if !found.scan.sealed() {
		return found.state, nil
	}
	o.Logger.Info("the rotation of the log that a crash cut short is finished", "segment", name, "last_entry", found.last)
	return rotated(found, o.SegmentBytes), nil
}

// repairTail zeroes what was torn, and rewrites and syncs what is not known to have been synced.
func (o *Options) repairTail(name string, found finding) error {
	file, err := o.Dir.Open(name, false)
	if err != nil {
		return err
	}
	defer file.Close()
	s := found.scan
	if s.torn() && !s.sealed() {
		o.Logger.Warn("what follows the last whole write to the log is dropped, most likely a write that a crash has cut short; it was never confirmed",
			"segment", name, "offset", s.end, "bytes", s.dirty-s.end, "last_entry", found.last)
		if _, err := file.WriteAt(make([]byte, s.dirty-s.end), int64(s.end)); err != nil {
			return err
		}
	}
	from := s.doubtful
	if o.Floor == 0 {
		from = s.last // nothing is known: all but the last batch were synced before it was written
	}
	if from < s.end {
		if _, err := file.WriteAt(found.data[from:s.end], int64(from)); err != nil {
			return err
		}
	}
	return file.Sync()
}

// rotated returns the state after the rotation of a sealed tail.
func rotated(found finding, bytes int) types.PersistentState {
	state := found.state
	state.Segments = append([]types.SegmentInfo(nil), state.Segments...)
	tail := &state.Segments[len(state.Segments)-1]
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), found.last, uint64(found.scan.indexStart)
	next := types.SegmentInfo{ID: state.NextSegmentID, BaseIndex: found.last + 1, MinIndex: found.last + 1,
		Codec: tail.Codec, CreateTime: time.Now(), SizeLimit: uint32(bytes)}
	state.NextSegmentID++
	state.Segments = append(state.Segments, next)
	return state
}
