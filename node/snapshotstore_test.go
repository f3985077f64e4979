package node

import (
	"bytes"
	"fmt"
	"io"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hashicorp/raft"
)

// memorySnapshots keeps snapshots in memory. Raft's own in-memory store keeps one, and hands it
// out before it is complete.
type memorySnapshots struct {
	mu      sync.Mutex
	count   int
	kept    map[string]*memorySnapshot
	onNew   func() // called by Create
	onOpen  func() // called by Open
	atClose error  // what the end of a snapshot fails with
	full    atomic.Bool
	spoilt  map[string]int // snapshots that cannot be opened, and how often that was tried
}

type memorySnapshot struct {
	store *memorySnapshots
	meta  raft.SnapshotMeta
	bytes.Buffer
}

func newMemorySnapshots() *memorySnapshots {
	return &memorySnapshots{kept: map[string]*memorySnapshot{}}
}

func (m *memorySnapshots) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.onNew != nil {
		m.onNew()
	}
	m.count++
	return &memorySnapshot{store: m, meta: raft.SnapshotMeta{Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, m.count), Index: index, Term: term,
		Configuration: conf, ConfigurationIndex: confIndex}}, nil
}

func (m *memorySnapshots) List() ([]*raft.SnapshotMeta, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*raft.SnapshotMeta
	for _, s := range m.kept {
		meta := s.meta
		list = append(list, &meta)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Index > list[j].Index })
	return list, nil
}

func (m *memorySnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if m.onOpen != nil {
		m.onOpen()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.kept[id]
	if s == nil {
		return nil, nil, fmt.Errorf("no snapshot %s", id)
	}
	if tried, spoilt := m.spoilt[id]; spoilt {
		m.spoilt[id] = tried + 1
		return nil, nil, fmt.Errorf("snapshot %s is damaged", id)
	}
	meta := s.meta
	return &meta, io.NopCloser(bytes.NewReader(s.Bytes())), nil
}

func (s *memorySnapshot) ID() string    { return s.meta.ID }
func (s *memorySnapshot) Cancel() error { return nil }
func (s *memorySnapshot) Close() error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.atClose != nil {
		return s.store.atClose
	}
	s.meta.Size = int64(s.Len())
	s.store.kept[s.meta.ID] = s
	return nil
}

// Room is none on a full disk.
func (m *memorySnapshots) Room(int64) error {
	if m.full.Load() {
		return syscall.ENOSPC
	}
	return nil
}

// spoil damages the newest snapshot.
func (m *memorySnapshots) spoil() (id string) {
	listed, _ := m.List()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spoilt = map[string]int{listed[0].ID: 0}
	return listed[0].ID
}

func (m *memorySnapshots) tried(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spoilt[id]
}
