package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

const (
	// asidePrefix begins the name of what Rebuild has set aside; a time follows.
	asidePrefix = "damaged-"
	// asideTime is how that time is written.
	asideTime = "20060102T150405Z"
	// asideNote is the file that says why, written when all else is done.
	asideNote = "why.txt"
)

// Rebuildable reports whether an error says that the content of a directory is
// damaged, so that a new server may take its place. A file that cannot be read now
// is none: it may be readable later.
func Rebuildable(err error) bool {
	for _, passing := range []error{syscall.EIO, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, fs.ErrPermission} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return errors.As(err, new(*DamageError))
}

// Rejoin is how a rebuilt server comes into its cluster.
type Rejoin struct {
	Nonvoter bool // it stays a read replica
	Others   bool // it is given other servers' addresses, or is going to be invited
}

// Rebuild puts a new server into the place of one whose directory is damaged: all
// that is in the directory is set aside in it, in a directory whose path is
// returned, and an identity is minted. The new server only joins: the cluster of the
// old one, if that can still be read, else any that it is given. It is a server that
// never voted, so it must not be caught up before a majority of the others has
// removed the old one. Where no other server is known, there is nobody to be caught up
// by, and Rebuild refuses.
//
// One such directory is kept. An older one goes only after the server has become a
// member that is complete without it; until then Rebuild refuses. A crash on
// the way leaves a directory that is refused as damaged; Rebuild goes on there.
func Rebuild(o Options, why error, how Rejoin) (aside string, err error) {
	lock, err := lockDirectory(o.Path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	r := &rebuilding{path: o.Path}
	next, err := r.successor(o, how)
	if err != nil {
		return "", err
	}
	if err := r.choose(how); err != nil {
		return "", err
	}
	if err := r.move(); err != nil {
		return "", fmt.Errorf("set the damaged content of %s aside: %w", o.Path, err)
	}
	text, err := encodeIdentity(next)
	if err != nil {
		return "", fmt.Errorf("encode the identity: %w", err)
	}
	// The old identity goes last, and at once: until then this is the old server.
	if err := writeAtomic(filepath.Join(o.Path, identityFile), text); err != nil {
		return "", fmt.Errorf("store the identity: %w", err)
	}
	return r.aside, r.finish(why)
}

// rebuilding is one run of Rebuild.
type rebuilding struct {
	path  string
	old   record // zero: it cannot be read
	aside string
	older []string // those of earlier runs
}

// successor is the record of the new server.
func (r *rebuilding) successor(o Options, how Rejoin) (record, error) {
	old, found, err := readIdentity(filepath.Join(o.Path, identityFile))
	known := found && err == nil
	switch {
	case err != nil && !errors.As(err, new(*DamageError)):
		return record{}, err
	case known && member.ID(old.Server) != o.ID:
		return record{}, fmt.Errorf("data directory %s belongs to %s, not to %s", o.Path, member.ID(old.Server), o.ID)
	case known && old.Diverged != "":
		return record{}, fmt.Errorf("the data in %s has diverged from that of the other servers: it is not set aside by itself", o.Path)
	}
	r.old = old
	next := mintRecord(o.ID, cmp.Or(o.LogStore, old.LogStore, DefaultLogStore))
	if known && old.Cluster == "" && !old.Rebuilt {
		return next, nil // it has never been in a cluster: it has voted for nobody
	}
	next.Rebuilt, next.Settled = true, how.Nonvoter
	next.Cluster, next.Seeds = old.Cluster, slices.Clone(old.Seeds)
	if old.Promise != nil {
		for _, s := range old.Promise.Servers {
			if s.ID != old.Server && !slices.Contains(next.Seeds, s.PeerAddr) {
				next.Seeds = append(next.Seeds, s.PeerAddr)
			}
		}
	}
	if len(next.Seeds) == 0 && !how.Others {
		return record{}, fmt.Errorf("data directory %s knows no other server of its cluster that could bring a new one up to date: "+
			"if there are others, give --join; if this one was alone, nothing else holds its data: keep the directory", o.Path)
	}
	return next, nil
}

// choose finds where to set things aside: where a crash has interrupted that, or
// in a new directory.
func (r *rebuilding) choose(how Rejoin) error {
	found, err := os.ReadDir(r.path)
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	for _, entry := range found {
		name := filepath.Join(r.path, entry.Name())
		if !isAside(entry) {
			continue
		}
		_, err := os.Stat(filepath.Join(name, asideNote))
		switch {
		case err == nil:
			r.older = append(r.older, name)
		case !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("look at %s: %w", name, err)
		case r.fits(name, found):
			r.aside = name
		default: // a crash fell between the new identity and the note
			r.older = append(r.older, name)
		}
	}
	// Nothing tells of a read replica whether it has ever been complete.
	if len(r.older) > 0 && (!r.old.Settled || how.Nonvoter) {
		return fmt.Errorf("data directory %s has been rebuilt before, and its server has not become a complete member since: what was damaged first is in %s, and is not replaced; if nothing in it is needed any more, remove it", r.path, r.older[0])
	}
	for when := time.Now().UTC(); r.aside == ""; when = when.Add(time.Second) {
		name := filepath.Join(r.path, asidePrefix+when.Format(asideTime))
		if !slices.Contains(r.older, name) {
			r.aside = name
		}
	}
	return makeDirectory(r.aside)
}

// isAside reports whether an entry has the name that Rebuild gives.
func isAside(entry fs.DirEntry) bool {
	when, ok := strings.CutPrefix(entry.Name(), asidePrefix)
	if !ok || !entry.IsDir() {
		return false
	}
	_, err := time.Parse(asideTime, when)
	return err == nil
}

// moves reports whether an entry of the directory is set aside.
func moves(entry fs.DirEntry) bool {
	switch entry.Name() {
	case lockName, identityFile, identityFile + temporarySuffix, "lost+found":
		return false
	}
	return !isAside(entry)
}

// fits reports whether nothing that is to be moved is in an unfinished directory already.
func (r *rebuilding) fits(aside string, found []fs.DirEntry) bool {
	for _, entry := range found {
		if _, err := os.Lstat(filepath.Join(aside, entry.Name())); moves(entry) && !errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return true
}

// move moves everything, and copies the identity, which stays until it is replaced.
func (r *rebuilding) move() error {
	found, err := os.ReadDir(r.path)
	if err != nil {
		return err
	}
	identity, err := os.ReadFile(filepath.Join(r.path, identityFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if kept := filepath.Join(r.aside, identityFile); err == nil {
		if err := writeSynced(kept, identity); err != nil {
			return err
		}
	}
	for _, entry := range found {
		if !moves(entry) {
			continue
		}
		if err := os.Rename(filepath.Join(r.path, entry.Name()), filepath.Join(r.aside, entry.Name())); err != nil {
			return err
		}
	}
	return errors.Join(syncDirectory(r.aside), syncDirectory(r.path))
}

// finish says why, and removes what an earlier run has set aside.
func (r *rebuilding) finish(why error) error {
	note := fmt.Sprintf("Set aside at %s as damaged; a new server has taken the place of %s.\nRemove this directory when the new one is a complete member and nobody wants to look.\n\n%v\n",
		time.Now().UTC().Format(time.RFC3339), cmp.Or(r.old.Server, "the one that was here"), why)
	if err := writeAtomic(filepath.Join(r.aside, asideNote), []byte(note)); err != nil {
		return fmt.Errorf("note why %s was set aside: %w", r.aside, err)
	}
	for _, older := range r.older {
		if err := os.RemoveAll(older); err != nil {
			return fmt.Errorf("remove what was set aside before: %w", err)
		}
	}
	return nil
}
