package directory

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// ErrCrashed is returned by every step after a crash.
var ErrCrashed = errors.New("the process was killed")

// sectorBytes is the unit that a disk writes whole or not at all.
const sectorBytes = 512

// Step is an operation that is about to happen to a directory in memory.
type Step struct {
	Op   string // "create", "allocate", "write", "sync", "rename", "remove", "sync directory"
	Name string
}

// Memory is a directory in memory that knows what was synced. Its zero value is not usable;
// NewMemory creates one.
type Memory struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode
	pending []naming // changes of names since the last sync, in order
	before  func(Step) (does bool, err error)
}

// inode is a file's content, the part of it that is on the disk, and the sectors that the next
// sync will write. As on Linux, a failed sync forgets them: what it did not write is never
// written, unless the file is written there again.
type inode struct {
	live, durable []byte
	dirty         map[int]bool // by sector
}

// naming is a change of names: it removes from, and makes to refer to the file.
type naming struct {
	from, to string // "": none
	file     *inode
}

func (n naming) apply(names map[string]*inode) {
	delete(names, n.from)
	if n.to != "" {
		names[n.to] = n.file
	}
}

// NewMemory creates an empty directory. Each step that changes something first asks before, which
// may be nil, whether the step takes effect and what it returns.
func NewMemory(before func(Step) (does bool, err error)) *Memory {
	return &Memory{names: map[string]*inode{}, durable: map[string]*inode{}, before: before}
}

func (m *Memory) step(op, name string) (bool, error) {
	if m.before == nil {
		return true, nil
	}
	return m.before(Step{op, name})
}

// Names lists the files, sorted.
func (m *Memory) Names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.names)), nil
}

// Open opens a file. With create the file must not exist yet.
func (m *Memory) Open(name string, create bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	file, found := m.names[name]
	switch {
	case found && create:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case !found && !create:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case !found:
		does, err := m.step("create", name)
		file = &inode{dirty: map[int]bool{}}
		if does {
			m.change(naming{to: name, file: file})
		}
		if err != nil {
			return nil, &fs.PathError{Op: "create", Path: name, Err: err}
		}
	}
	return &memoryFile{m, file, name}, nil
}

// change changes names now; the next sync makes the change durable.
func (m *Memory) change(n naming) {
	n.apply(m.names)
	m.pending = append(m.pending, n)
}

// Rename renames a file.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	file, found := m.names[from]
	if !found {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	does, err := m.step("rename", from)
	if does {
		m.change(naming{from, to, file})
	}
	return err
}

// Remove removes a file.
func (m *Memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.names[name]; !found {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	does, err := m.step("remove", name)
	if does {
		m.change(naming{from: name})
	}
	return err
}

// Sync makes the set of names durable.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	does, err := m.step("sync directory", ".")
	if does {
		m.durable = maps.Clone(m.names)
		m.pending = nil
	}
	return err
}

// AfterKill returns the directory as another process finds it after a kill. Nothing that was
// written is lost, but what was not synced still is not.
func (m *Memory) AfterKill() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := NewMemory(nil)
	copies := map[*inode]*inode{}
	cloned := func(file *inode) *inode {
		if file != nil && copies[file] == nil {
			copies[file] = &inode{slices.Clone(file.live), slices.Clone(file.durable), maps.Clone(file.dirty)}
		}
		return copies[file]
	}
	for name, file := range m.names {
		left.names[name] = cloned(file)
	}
	for name, file := range m.durable {
		left.durable[name] = cloned(file)
	}
	for _, n := range m.pending {
		left.pending = append(left.pending, naming{n.from, n.to, cloned(n.file)})
	}
	return left
}

// AfterPowerLoss returns the directory after a power loss. Of what was not synced, random sectors
// of files and a random prefix of the changes of names survive.
func (m *Memory) AfterPowerLoss(random *rand.Rand) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := maps.Clone(m.durable)
	for _, n := range m.pending[:random.IntN(len(m.pending)+1)] {
		n.apply(names)
	}
	every := random.IntN(3) // 0: nothing, 1: everything, 2: some
	left := NewMemory(nil)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		bytes := tear(names[name], random, every)
		file := &inode{live: slices.Clone(bytes), durable: slices.Clone(bytes), dirty: map[int]bool{}}
		left.names[name], left.durable[name] = file, file
	}
	return left
}

// tear returns what a power loss leaves of a file.
func tear(file *inode, random *rand.Rand, every int) []byte {
	left := &inode{live: file.live, durable: slices.Clone(file.durable), dirty: map[int]bool{}}
	for _, sector := range slices.Sorted(maps.Keys(file.dirty)) {
		if every == 1 || every == 2 && random.IntN(2) == 0 {
			left.dirty[sector] = true
		}
	}
	if len(left.dirty) > 0 || every == 1 {
		left.flush()
	}
	return left.durable
}

// Ask replaces the function that is asked before each step.
func (m *Memory) Ask(before func(Step) (does bool, err error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// memoryFile is an open file of a Memory.
type memoryFile struct {
	dir   *Memory
	inode *inode
	name  string
}

// ReadAt reads what was written, synced or not.
func (f *memoryFile) ReadAt(p []byte, at int64) (int, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if at >= int64(len(f.inode.live)) {
		return 0, io.EOF
	}
	n := copy(p, f.inode.live[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes, and extends the file if necessary.
func (f *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	does, err := f.dir.step("write", f.name)
	if does {
		f.inode.grow(at + int64(len(p)))
		copy(f.inode.live[at:], p)
		for sector := at / sectorBytes; sector*sectorBytes < at+int64(len(p)); sector++ {
			f.inode.dirty[int(sector)] = true
		}
	}
	if err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: err}
	}
	return len(p), nil
}

func (i *inode) grow(size int64) {
	if more := size - int64(len(i.live)); more > 0 {
		i.live = append(i.live, make([]byte, more)...)
	}
}

// flush writes the dirty sectors to the disk.
func (i *inode) flush() {
	if more := len(i.live) - len(i.durable); more > 0 {
		i.durable = append(i.durable, make([]byte, more)...)
	}
	for sector := range i.dirty {
		from := sector * sectorBytes
		if from < len(i.live) {
			copy(i.durable[from:], i.live[from:min(from+sectorBytes, len(i.live))])
		}
	}
}

// Sync makes durable what was written.
func (f *memoryFile) Sync() error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	does, err := f.dir.step("sync", f.name)
	if does {
		f.inode.flush()
	}
	clear(f.inode.dirty)
	if err != nil {
		return &fs.PathError{Op: "sync", Path: f.name, Err: err}
	}
	return nil
}

// Allocate extends the file to a size.
func (f *memoryFile) Allocate(bytes int64) error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	does, err := f.dir.step("allocate", f.name)
	if does {
		f.inode.grow(bytes)
	}
	if err != nil {
		return &fs.PathError{Op: "allocate", Path: f.name, Err: err}
	}
	return nil
}

// Close does nothing: after a kill, open files are lost anyway.
func (f *memoryFile) Close() error { return nil }
