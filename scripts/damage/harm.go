package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The kinds of damage.
const (
	flip    = "flip"    // one bit
	cut     = "cut"     // everything from an offset on
	zero    = "zero"    // a page reads as zeros
	missing = "missing" // the file is gone
)

var kinds = []string{flip, cut, zero, missing}

// harm is one damage to one file of a directory.
type harm struct {
	file   string // what kind of file it is
	path   string // below the directory
	kind   string
	offset int64 // wholeFile for missing
}

func (h harm) String() string { return fmt.Sprintf("%s/%s/%d", h.file, h.kind, h.offset) }

// do damages a directory, whether a process uses it or not.
func (h harm) do(dir string) error {
	path := filepath.Join(dir, h.path)
	if h.kind == missing {
		return os.Remove(path)
	}
	if h.kind == cut {
		return os.Truncate(path, h.offset)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if h.kind == zero {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		_, err = file.WriteAt(make([]byte, max(0, min(pageBytes, info.Size()-h.offset))), h.offset)
		return err
	}
	var b [1]byte
	if _, err := file.ReadAt(b[:], h.offset); err != nil {
		return err
	}
	b[0] ^= 1 << (h.offset % 8)
	_, err = file.WriteAt(b[:], h.offset)
	return err
}

// names returns the names of which a log line has to contain one for the damage to be named.
func (h harm) names() []string {
	names := []string{filepath.Base(h.path)}
	if h.snapshot() {
		return []string{filepath.Base(filepath.Dir(h.path))} // its id
	}
	return names
}

// snapshot reports whether the file belongs to a snapshot.
func (h harm) snapshot() bool {
	return strings.HasPrefix(h.path, "snapshots"+string(filepath.Separator))
}

// fileKinds names the files of a directory by what they are.
func fileKinds(img image) map[string]string {
	var snapshots, segments []string
	kinds := map[string]string{}
	for path := range img {
		dir, base := filepath.Split(path)
		switch {
		case base == "lock":
		case strings.HasSuffix(base, ".wal"):
			segments = append(segments, path)
		case strings.HasPrefix(path, "snapshots") && base == "meta.json":
			snapshots = append(snapshots, dir)
		case strings.HasPrefix(path, "snapshots") && base == "state.bin":
		default:
			kinds[path] = base
		}
	}
	slices.Sort(segments) // by their first index
	for i, path := range segments {
		kinds[path] = "sealed"
		if i == len(segments)-1 {
			kinds[path] = "tail"
		}
	}
	slices.SortFunc(snapshots, func(a, b string) int { return slices.Compare(snapshotAge(a), snapshotAge(b)) })
	for i, dir := range snapshots {
		for _, base := range []string{"meta.json", "state.bin"} {
			kinds[dir+base] = "older-" + base
			if i == len(snapshots)-1 {
				kinds[dir+base] = base
			}
		}
	}
	return kinds
}

// snapshotAge is a snapshot's term, index and time, which its directory is named by.
func snapshotAge(dir string) []int64 {
	var age [3]int64
	_, _ = fmt.Sscanf(filepath.Base(dir), "%d-%d-%d", &age[0], &age[1], &age[2]) // zeros for another's directory
	return age[:]
}

// each lists the harms of one kind to one file, every stride-th byte of it.
func (f imageFile) each(like harm, stride int64) []harm {
	at := func(offset int64) harm { h := like; h.offset = offset; return h }
	used := int64(len(f.used))
	var all []harm
	switch like.kind {
	case flip:
		for offset := int64(0); offset < min(used+behindBytes, f.size); offset += stride {
			all = append(all, at(offset))
		}
	case cut:
		for _, offset := range cuts(f, strings.HasSuffix(like.path, ".wal")) {
			all = append(all, at(offset))
		}
	case zero:
		for offset := int64(0); offset < used; offset += pageBytes {
			all = append(all, at(offset))
		}
	case missing:
		all = append(all, at(wholeFile))
	}
	if like.kind == cut || like.kind == zero {
		every := max(1, int(stride*int64(len(all))/max(1, used)))
		all = thin(all, every)
	}
	return all
}

// sample keeps one of the harms of one kind to a file, and of the flips of a
// log's tail one for each scene. A file of less than a page is not zeroed as well as cut.
func (f imageFile) sample(all []harm) []harm {
	if len(all) == 0 || all[0].kind == zero && len(f.used) < pageBytes {
		return nil
	}
	kept := 1
	if all[0].kind == flip && all[0].file == "tail" {
		kept = len(scenes)
	}
	var some []harm
	for i := range kept {
		some = append(some, all[(i+1)*len(all)/(kept+1)])
	}
	return some
}

// thin keeps every n-th of the harms, and the last.
func thin(all []harm, n int) []harm {
	var kept []harm
	for i, h := range all {
		if i%n == 0 || i == len(all)-1 {
			kept = append(kept, h)
		}
	}
	return kept
}

// cuts returns the offsets at which a file is cut: at each sector, and at each frame of a log's
// segment.
func cuts(f imageFile, segment bool) []int64 {
	var at []int64
	used := int64(len(f.used))
	for offset := int64(0); offset < used; offset += cutStep {
		at = append(at, offset)
	}
	if segment {
		at = append(at, frames(f.used)...)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// frames returns the offsets at which the frames of a raft-wal segment begin (its README: a file
// header of 32 bytes; a type, three zeros and a length before each; a multiple of 8 bytes long). A
// commit frame has a checksum in the length's place.
func frames(segment []byte) []int64 {
	const fileHeader, header, commit = 32, 8, 3
	var at []int64
	for offset := fileHeader; offset+header <= len(segment) && segment[offset] != 0; {
		at = append(at, int64(offset))
		length := 0
		if segment[offset] != commit {
			length = int(binary.LittleEndian.Uint32(segment[offset+4:]))
		}
		offset += header + (length+7)&^7
	}
	return at
}
