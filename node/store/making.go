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

// unfinishedFile is the identity of a directory that is being made, until Finish renames it. No
// server is started from such a directory.
const unfinishedFile = identityFile + ".unfinished"

var (
	// ErrNoServer means that a directory is no server's: it does not exist, or is empty.
	ErrNoServer = errors.New("store: no server's data directory")
	// ErrNotEmpty means that a directory holds something, so no data directory can be made there.
	ErrNotEmpty = errors.New("store: the directory is not empty")
	// ErrUnfinished means that the making of a directory was interrupted.
	ErrUnfinished = errors.New("store: the directory is unfinished")
)

// UnfinishedError is ErrUnfinished together with who was making the directory.
type UnfinishedError struct{ Path, By string }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%s is unfinished: %s was cut short; run that again, for the same directory", e.Path, cmp.Or(e.By, "what was to make it"))
}

// Is reports whether target is ErrUnfinished.
func (e *UnfinishedError) Is(target error) bool { return target == ErrUnfinished }

// ownNames lists the names that this package stores in a directory. A dot and more may follow each
// name. The identity is not among them.
var ownNames = []string{boltFile, voteFile, walDirectory, "snapshots", floor.FileName}

// Begin locks a directory, creating it if necessary, and mints a new server's identity in it. It
// is for callers that store more than the identity before the server is first started. Until
// Finish, the directory is refused with ErrUnfinished. The directory must be empty; Begin removes
// what an earlier Begin has left unfinished.
func Begin(o Options) (*Dir, error) {
	if err := checkEmpty(o.Path); err != nil { // before the lock, so that nothing is left in a foreign directory
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

// begin clears the directory of unfinished work and stores the unfinished identity.
func (d *Dir) begin(o Options) error {
	if r, found, err := readIdentity(d.file(unfinishedFile)); err == nil && found && r.MadeBy != o.MadeBy {
		return &UnfinishedError{Path: d.path, By: r.MadeBy}
	}
	if err := clearUnfinished(d.path); err != nil { // another process may have come first
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

// Finish gives a directory that Begin has made its identity. From then on it belongs to a server.
// Everything stored in it must have been synced.
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
	_ = os.Remove(from + spareSuffix) // it is of no further use, and harmless
	return d.present.hold(to)
}

// Abandon closes a directory that Begin has made, and removes its content.
func (d *Dir) Abandon() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.closeFiles()
	return errors.Join(err, clearUnfinished(d.path), d.lock.release())
}

// checkKnown refuses, without touching it, a directory without an identity that must not become a
// server's: one that is not new, or any if no identity is to be minted.
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

// checkNew refuses a directory without an identity that holds something: unfinished work, a
// server's files, or foreign files among which Kvorum would store its own.
func checkNew(path string) error {
	found, err := entriesOf(path)
	if err != nil {
		return err
	}
	if slices.Contains(found, unfinishedFile) {
		r, _, _ := readIdentity(filepath.Join(path, unfinishedFile))
		return &UnfinishedError{Path: path, By: r.MadeBy}
	}
	if slices.Contains(found, identityFile) { // another process has just created it: the lock decides
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

// checkEmpty refuses a directory that holds anything that clearUnfinished does not remove.
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

// entriesOf lists the names in a directory; none if the directory does not exist. It leaves out
// what a new directory may hold: a lock, a file system's own directory, an identity whose minting
// was interrupted, and what an operator may put there first.
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

// isOwn reports whether a name is one of ownNames, possibly with a suffix.
func isOwn(name string) bool {
	return slices.ContainsFunc(ownNames, func(own string) bool { return name == own || strings.HasPrefix(name, own+".") })
}

// clearUnfinished removes what Begin and its caller have stored in an unfinished directory. It
// removes the mark that the directory is unfinished last.
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
