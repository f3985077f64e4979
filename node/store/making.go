package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/node/store/floor"
)

// unfinishedFile is the identity of a directory that is being made, until Finish
// gives it its name: no server is started from such a directory.
const unfinishedFile = identityFile + ".unfinished"

var (
	// ErrNoServer means that a directory is no server's: it does not exist, or is empty.
	ErrNoServer = errors.New("store: no server's data directory")
	// ErrNotEmpty means that a directory holds something, so that none can be made there.
	ErrNotEmpty = errors.New("store: the directory is not empty")
	// ErrUnfinished means that a directory was being made, and that was cut short.
	ErrUnfinished = errors.New("store: the directory is unfinished")
)

// UnfinishedError is ErrUnfinished with who was to make the directory.
type UnfinishedError struct{ Path, By string }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%s is unfinished: %s was cut short; run that again, for the same directory", e.Path, cmp.Or(e.By, "what was to make it"))
}

// Is reports whether target is ErrUnfinished.
func (e *UnfinishedError) Is(target error) bool { return target == ErrUnfinished }

// ownNames lists what this package stores in a directory; a dot and more may follow
// each name. The identity is not among them.
var ownNames = []string{boltFile, voteFile, walDirectory, "snapshots", floor.FileName}

// Begin locks a directory, making it first if need be, and mints a new server's
// identity in it, for somebody who stores more than that before the server is first
// started. Until Finish, the directory is refused with ErrUnfinished. It must be empty;
// what an earlier Begin has left unfinished is removed.
func Begin(o Options) (*Dir, error) {
	if err := checkEmpty(o.Path); err != nil { // nothing is left in a directory that is somebody's
		return nil, err
	}
	d, err := lockDir(o)
	if err != nil {
		return nil, err
	}
	if err := d.begin(o); err != nil {
		return nil, errors.Join(err, d.lock.release())
	}
	return d, nil
}

func (d *Dir) begin(o Options) error {
	if r, found, err := readIdentity(d.file(unfinishedFile)); err == nil && found && r.MadeBy != o.MadeBy {
		return &UnfinishedError{Path: d.path, By: r.MadeBy}
	}
	if err := clearUnfinished(d.path); err != nil { // another may have come first
		return err
	}
	d.identity = unfinishedFile
	d.kind = cmp.Or(o.LogStore, DefaultLogStore)
	minted := mintRecord(o.ID, d.kind)
	minted.MadeBy = o.MadeBy
	if err := d.save(minted); err != nil {
		return err
	}
	// The first release does not know the unfinished identity, and refuses this.
	if err := makeDirectory(snapshotsIn(d.path)); err != nil {
		return step("make the directory of the snapshots", err)
	}
	return nil
}

// Finish gives a directory that Begin has made its identity: from then on it is a
// server's. All that was stored in it must be synced.
func (d *Dir) Finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, to := d.file(d.identity), d.file(identityFile)
	if err := syncDirectory(d.path); err != nil {
		return step("sync "+d.path, err)
	}
	d.present.release(from)
	if err := os.Rename(from, to); err != nil {
		return step("give the identity its name", errors.Join(err, d.present.hold(from)))
	}
	d.identity = identityFile
	if err := syncDirectory(d.path); err != nil {
		return step("sync "+d.path, errors.Join(err, d.present.hold(to)))
	}
	_ = os.Remove(from + spareSuffix) // it is of no use any more, and does no harm
	return d.present.hold(to)
}

// Abandon closes a directory that Begin has made, and removes what is in it.
func (d *Dir) Abandon() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.closeFiles()
	return errors.Join(err, clearUnfinished(d.path), d.lock.release())
}

// checkKnown refuses a directory without an identity that is not to become a server's,
// and does not touch it: one that is no new one, or any if none is to be minted.
func checkKnown(path string, noMint bool) error {
	switch _, err := os.Stat(filepath.Join(path, identityFile)); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return step("look at the identity", err)
	default:
		return nil
	}
	if err := checkNew(path); err != nil || !noMint {
		return err
	}
	return fmt.Errorf("%w: %s", ErrNoServer, path)
}

// checkNew refuses a directory without an identity that holds something: what somebody has
// left unfinished, a server's files, or what is not Kvorum's and would be filled beside.
func checkNew(path string) error {
	found, err := entriesOf(path)
	if err != nil {
		return err
	}
	if slices.Contains(found, unfinishedFile) {
		r, _, _ := readIdentity(filepath.Join(path, unfinishedFile))
		return &UnfinishedError{Path: path, By: r.MadeBy}
	}
	if slices.Contains(found, identityFile) { // another process has just made it: the lock speaks
		return nil
	}
	for _, name := range found {
		if isOwn(name) || strings.HasPrefix(name, asidePrefix) || name == identityFile+spareSuffix {
			return &DamageError{File: filepath.Join(path, name), Offset: -1, What: "there is no " + identityFile + " beside it"}
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: %s holds %s", ErrNotEmpty, path, found[0])
	}
	return nil
}

// checkEmpty refuses a directory that holds anything but what clearUnfinished removes.
func checkEmpty(path string) error {
	found, err := entriesOf(path)
	if err != nil {
		return err
	}
	unfinished := slices.Contains(found, unfinishedFile)
	for _, name := range found {
		if !unfinished || !isOwn(name) && !strings.HasPrefix(name, unfinishedFile) {
			return fmt.Errorf("%w: %s holds %s", ErrNotEmpty, path, name)
		}
	}
	return nil
}

// entriesOf lists the names in a directory; none if there is no such directory. Left out
// are those that a new directory may have: a lock, a file system's own directory, an
// identity whose minting was cut short, and what an operator may put there first.
func entriesOf(path string) (names []string, err error) {
	found, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, step("read the data directory", err)
	}
	for _, entry := range found {
		switch name := entry.Name(); name {
		case lockName, "lost+found", holdFile, identityFile + temporarySuffix, unfinishedFile + temporarySuffix:
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

func isOwn(name string) bool {
	return slices.ContainsFunc(ownNames, func(own string) bool { return name == own || strings.HasPrefix(name, own+".") })
}

// clearUnfinished removes what Begin and its caller have stored in a directory that
// is unfinished; the mark that it is, last.
func clearUnfinished(path string) error {
	if err := checkEmpty(path); err != nil {
		return err
	}
	found, err := entriesOf(path)
	if err != nil || !slices.Contains(found, unfinishedFile) {
		return err
	}
	for _, name := range found {
		if !isOwn(name) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(path, name)); err != nil {
			return step("remove what was left unfinished", err)
		}
	}
	if err := syncDirectory(path); err != nil {
		return step("sync "+path, err)
	}
	for _, name := range []string{unfinishedFile + spareSuffix, unfinishedFile + temporarySuffix, unfinishedFile} {
		if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return step("remove what was left unfinished", err)
		}
	}
	return syncDirectory(path)
}
