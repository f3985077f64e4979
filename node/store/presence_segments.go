package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// segmentFile is one of raft-wal's segment files. It is named after its first index and its
// number, and no other file ever gets that number.
type segmentFile struct {
	name         string
	base, number uint64
	info         os.FileInfo
}

// segmentWatch tracks the segments of a log. raft-wal itself removes some of them: those before
// the log's beginning, and those behind an end that was cut off.
type segmentWatch struct {
	dir   string
	logs  raft.LogStore
	known map[string]segmentFile
}

// look adds what is wrong to found, by path.
func (w *segmentWatch) look(found map[string]error) {
	now, err := listSegments(w.dir)
	if gone(err) {
		found[w.dir] = err
	}
	if err != nil {
		return
	}
	// After the list: what was removed in good order is not in the log any more.
	first, last, err := bounds(w.logs)
	if err != nil {
		return // the log says so itself when it is used
	}
	for name, old := range w.known {
		here, ok := now[name]
		switch {
		case ok && !os.SameFile(old.info, here.info):
			found[filepath.Join(w.dir, name)] = errReplaced
		case ok:
		case w.needed(old, now, first, last):
			found[filepath.Join(w.dir, name)] = fs.ErrNotExist
		default:
			delete(w.known, name)
		}
	}
	for name, file := range now {
		if _, ok := w.known[name]; !ok {
			w.known[name] = file
		}
	}
}

// needed reports whether a missing segment should hold entries of the log.
func (w *segmentWatch) needed(gone segmentFile, now map[string]segmentFile, first, last uint64) bool {
	end := last
	for _, other := range w.known {
		if other.base > gone.base && other.number > gone.number {
			end = min(end, other.base-1)
		}
	}
	for _, other := range now {
		if other.number > gone.number && other.base <= gone.base {
			return false // the log was cut off before it, and goes on in another
		}
	}
	return first > 0 && gone.base <= last && end >= first
}

// listSegments lists the segment files in a directory, by name.
func listSegments(dir string) (map[string]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]segmentFile{}
	for _, entry := range entries {
		file := segmentFile{name: entry.Name()}
		if _, err := fmt.Sscanf(file.name, "%020d-%016x.wal", &file.base, &file.number); err != nil || filepath.Ext(file.name) != ".wal" {
			continue
		}
		if file.info, err = entry.Info(); err != nil {
			continue // removed since
		}
		all[file.name] = file
	}
	return all, nil
}
