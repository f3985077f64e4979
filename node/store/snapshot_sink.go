package store

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node"
)

// snapshotSink is a snapshot that is being written. If anything fails, nothing of it is left on
// the disk, and the error stays.
type snapshotSink struct {
	store *snapshotStore
	meta  raft.SnapshotMeta
	path  string // where it is written until it has been verified, and then its place
	paced bool

	mu       sync.Mutex // Cancel may run concurrently with Write when a node stops
	file     volumeFile
	crc      hash.Hash64
	unsynced int64
	over     bool
	err      error // what Close returns once over is set
}

func newSink(s *snapshotStore, meta raft.SnapshotMeta) *snapshotSink {
	return &snapshotSink{store: s, meta: meta, path: filepath.Join(s.dir, meta.ID+temporarySuffix), crc: crc64.New(crc64ECMA)}
}

// begin creates the directory and the content file.
func (k *snapshotSink) begin() error {
	err := k.store.volume.MakeDir(k.path)
	if err == nil {
		k.file, err = k.store.volume.Create(filepath.Join(k.path, stateFile))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(k.path))
	}
	return nil
}

// ID returns the name of the snapshot.
func (k *snapshotSink) ID() string { return k.meta.ID }

// Place returns the snapshot's position in the log, so that its content can state it, too.
func (k *snapshotSink) Place() node.SnapshotPlace {
	return node.SnapshotPlace{Index: k.meta.Index, Term: k.meta.Term, ConfigurationIndex: k.meta.ConfigurationIndex}
}

// Pace makes the writer yield the disk to the log for as long as each write took. A snapshot that
// arrives from a leader is not paced, because Raft waits for it.
func (k *snapshotSink) Pace() { k.paced = true }

// Write appends to the snapshot.
func (k *snapshotSink) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return 0, k.err
	}
	n, err := k.file.Write(p)
	k.crc.Write(p[:n])
	k.meta.Size += int64(n)
	k.unsynced += int64(n)
	if err == nil && k.unsynced >= snapshotSyncBytes {
		err = k.flush()
	}
	if err != nil {
		return n, k.end(fmt.Errorf("write the snapshot: %w", err))
	}
	return n, nil
}

// flush sends what has been written so far to the disk. If that were left to the end, the log's
// own syncs would wait for all of it at once.
func (k *snapshotSink) flush() error {
	begun := time.Now()
	if err := k.file.WriteBack(); err != nil {
		return err
	}
	k.unsynced = 0
	// What has been written is off the free space already.
	if err := k.store.Room(min(k.meta.Size, snapshotSyncBytes)); err != nil {
		return err
	}
	if k.paced {
		time.Sleep(min(time.Since(begun), snapshotPauseMax))
	}
	return nil
}

// Close finishes the snapshot and reads it back. It removes a snapshot that cannot be read, and
// its error keeps Raft from truncating the log. A second call returns the same.
func (k *snapshotSink) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return k.err
	}
	if err := k.finish(); err != nil {
		return k.end(err)
	}
	k.over = true
	k.store.keep(&k.meta)
	return nil
}

// Cancel discards the snapshot.
func (k *snapshotSink) Cancel() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return nil
	}
	k.end(errors.New("the snapshot was cancelled"))
	return nil
}

// end gives the snapshot up and removes its files.
func (k *snapshotSink) end(err error) error {
	k.file.Close()
	k.over, k.err = true, errors.Join(err, os.RemoveAll(k.path))
	return k.err
}

// finish stores the snapshot and its description, verifies both, and moves them to their final
// place. Only then may the log be truncated. By then the names of the files, of their directory,
// and of the directory above are durable.
func (k *snapshotSink) finish() error {
	if err := errors.Join(k.file.Sync(), k.file.Close()); err != nil {
		return fmt.Errorf("finish the snapshot: %w", err)
	}
	if err := k.describe(); err != nil {
		return fmt.Errorf("describe the snapshot: %w", err)
	}
	volume := k.store.volume
	if err := volume.SyncDir(k.path); err != nil {
		return fmt.Errorf("finish the snapshot: %w", err)
	}
	if err := k.readBack(); err != nil {
		return fmt.Errorf("verify the snapshot %s: %w", k.ID(), err)
	}
	place := filepath.Join(k.store.dir, k.ID())
	if err := volume.Rename(k.path, place); err != nil {
		return fmt.Errorf("finish the snapshot: %w", err)
	}
	k.path = place
	if err := volume.SyncDir(k.store.dir); err != nil {
		return fmt.Errorf("finish the snapshot: %w", err)
	}
	return nil
}

// describe writes meta.json.
func (k *snapshotSink) describe() error {
	text, err := encodeDescription(snapshotFile{SnapshotMeta: k.meta, CRC: k.crc.Sum(nil)})
	if err != nil {
		return err
	}
	file, err := k.store.volume.Create(filepath.Join(k.path, metaFile))
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

// readBack reads the whole snapshot: the check that precedes each sending, and then everything.
func (k *snapshotSink) readBack() error {
	name, _ := parseSnapshotName(k.ID())
	_, content, err := k.store.check(k.path, name)
	if err != nil {
		return err
	}
	defer content.Close()
	index, err := k.store.verify(bufio.NewReaderSize(content, checkBuffer))
	if err != nil {
		return err
	}
	return checkIndex(index, k.meta.Index)
}
