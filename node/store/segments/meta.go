package segments

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
	"go.etcd.io/bbolt"

	"github.com/kvorum/kvorum/node/store/boltpages"
)

// metaFile is the file that lists the segments.
const metaFile = metadb.FileName

// storedState is a state as stored in wal-meta.db: raft-wal's own, plus a checksum. raft-wal
// ignores the checksum when it reads, and omits it when it writes the state itself.
type storedState struct {
	types.PersistentState
	Checksum string `json:",omitempty"`
}

func encodeState(state types.PersistentState) ([]byte, error) {
	plain, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedState{state, stateChecksum(plain)})
}

func stateChecksum(plain []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(plain, castagnoli))
}

// decodeState parses a stored state and checks its checksum, if it has one.
func decodeState(text []byte) (types.PersistentState, error) {
	var stored storedState
	if err := json.Unmarshal(text, &stored); err != nil {
		return types.PersistentState{}, err
	}
	plain, err := json.Marshal(stored.PersistentState)
	if err != nil {
		return types.PersistentState{}, err
	}
	if stored.Checksum != "" && stored.Checksum != stateChecksum(plain) {
		return types.PersistentState{}, errors.New("the list of segments does not fit its checksum")
	}
	return stored.PersistentState, nil
}

// BoltMeta is wal-meta.db. It implements raft-wal's MetaStore in raft-wal's own format, and reads
// the whole file before bbolt may open it.
type BoltMeta struct {
	path string
	db   *bbolt.DB
}

// Load opens or creates the file in dir, and returns the state that it holds.
func (m *BoltMeta) Load(dir string) (types.PersistentState, error) {
	if m.db != nil {
		return m.state()
	}
	m.path = filepath.Join(dir, metaFile)
	if _, err := os.Stat(m.path); errors.Is(err, os.ErrNotExist) {
		if err := makeMeta(dir); err != nil {
			return types.PersistentState{}, fmt.Errorf("make %s: %w", m.path, err)
		}
	}
	if err := checkMeta(m.path); err != nil {
		return types.PersistentState{}, err
	}
	db, err := bbolt.Open(m.path, 0o600, &bbolt.Options{Timeout: metaLockWait})
	if err != nil {
		return types.PersistentState{}, fmt.Errorf("open %s: %w", m.path, err)
	}
	m.db = db
	return m.state()
}

// makeMeta creates the file. raft-wal's own way of doing so is safe in a crash.
func makeMeta(dir string) error {
	var raftWAL metadb.BoltMetaDB
	_, err := raftWAL.Load(dir)
	return errors.Join(err, raftWAL.Close())
}

// checkMeta reads the file without bbolt.
func checkMeta(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := parseMeta(file, info.Size()); err != nil {
		return &Damage{File: path, Offset: -1, What: "the list of the log's segments cannot be read", Err: err}
	}
	return nil
}

// parseMeta returns the state in a file, an empty one for none. If one of bbolt's two roots is
// damaged the other one counts: what it lists must then match the files.
func parseMeta(r io.ReaderAt, size int64) (state types.PersistentState, err error) {
	w := boltpages.Walk{Buckets: []string{metadb.MetaBucket, metadb.StableBucket}}
	w.Visit = func(bucket string, key []byte, value boltpages.Value) error {
		if bucket != metadb.MetaBucket || string(key) != metadb.MetaKey {
			return nil
		}
		text, err := value.Read()
		if err != nil {
			return err
		}
		state, err = decodeState(text)
		return err
	}
	_, err = w.Run(r, size)
	return state, err
}

// state reads the state through bbolt.
func (m *BoltMeta) state() (state types.PersistentState, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		text := tx.Bucket([]byte(metadb.MetaBucket)).Get([]byte(metadb.MetaKey))
		if text == nil {
			return nil
		}
		state, err = decodeState(text)
		return err
	})
	if err != nil {
		return state, fmt.Errorf("read %s: %w", m.path, err)
	}
	return state, nil
}

// CommitState replaces the state, durably.
func (m *BoltMeta) CommitState(state types.PersistentState) error {
	text, err := encodeState(state)
	if err != nil {
		return fmt.Errorf("encode the list of segments: %w", err)
	}
	return m.put(metadb.MetaBucket, []byte(metadb.MetaKey), text)
}

// GetStable returns a value, nil for none.
func (m *BoltMeta) GetStable(key []byte) (value []byte, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		value = append(value, tx.Bucket([]byte(metadb.StableBucket)).Get(key)...)
		return nil
	})
	return value, err
}

// SetStable stores a value; nil removes it.
func (m *BoltMeta) SetStable(key, value []byte) error { return m.put(metadb.StableBucket, key, value) }

// put stores a value in a bucket; nil removes it.
func (m *BoltMeta) put(bucket string, key, value []byte) error {
	err := m.db.Update(func(tx *bbolt.Tx) error {
		if value == nil {
			return tx.Bucket([]byte(bucket)).Delete(key)
		}
		return tx.Bucket([]byte(bucket)).Put(key, value)
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	return nil
}

// Close closes the file.
func (m *BoltMeta) Close() error {
	if m.db == nil {
		return nil
	}
	db := m.db
	m.db = nil
	return db.Close()
}
