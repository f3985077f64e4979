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
	// asidePrefix begins the name of the directory in which Rebuild sets things aside. A time
	// follows.
	asidePrefix = "damaged-"
	// asideTime is the layout of that time.
	asideTime = "20060102T150405Z"
	// asideNote is the file that says why. It is written when everything else is done.
	asideNote = "why.txt"
)

// Rebuildable reports whether an error means that the content of a directory is damaged, so that a
// new server may take its place. A file that cannot be read now does not count: it may be readable
// later.
func Rebuildable(err error) bool {
	for _, passing := range []error{syscall.EIO, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, fs.ErrPermission} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return errors.As(err, new(*DamageError))
}

// Rejoin says how a rebuilt server comes back into its cluster.
type Rejoin struct {
	Nonvoter bool // it stays a read replica
	Others   bool // it is given other servers' addresses, or will be invited
}

// Rebuild replaces a server whose directory is damaged by a new one. It moves everything in the
// directory into a subdirectory, whose path it returns, and mints an identity. The new server only
// joins: the old one's cluster if that can still be read, otherwise any that it is given. The new
// server has never voted, so it must not be caught up before a majority of the others has removed
// the old one. If no other server is known, nobody can catch it up, and Rebuild refuses.
//
// One such subdirectory is kept. An older one is removed only after the server has become a member
// that is complete without it; until then Rebuild refuses. After a crash on the way the directory
// is refused as damaged, and Rebuild continues from there.
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
	old   record // zero if it cannot be read
	aside string
	older []string // subdirectories of earlier runs
}

// successor returns the record of the new server.
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

// choose determines where to set things aside: in the subdirectory of an interrupted run, or in a
// new one.
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

// isAside reports whether an entry has a name that Rebuild gives.
func isAside(entry fs.DirEntry) bool {
	when, ok := strings.CutPrefix(entry.Name(), asidePrefix)
	if !ok || !entry.IsDir() {
		return false
	}
	_, err := time.Parse(asideTime, when)
	return err == nil
}

// moves reports whether an entry of the directory is to be set aside.
func moves(entry fs.DirEntry) bool {
	switch entry.Name() {
	case lockName, identityFile, identityFile + temporarySuffix, "lost+found":
		return false
	}
	return !isAside(entry)
}

// fits reports whether the unfinished subdirectory contains nothing yet that is still to be moved.
func (r *rebuilding) fits(aside string, found []fs.DirEntry) bool {
	for _, entry := range found {
		if _, err := os.Lstat(filepath.Join(aside, entry.Name())); moves(entry) && !errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return true
}

// move moves everything and copies the identity, which stays in place until it is replaced.
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

// finish writes the note that says why, and removes what an earlier run has set aside.
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
