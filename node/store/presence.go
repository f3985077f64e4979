package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft-wal/metadb"

	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store/floor"
)

// presence notices when a file of a directory in use is removed or replaced. What is stored in an
// unlinked file is lost when the process ends, and no write fails because of it. The server would
// vote and lead on, for nothing.
//
// Each file is held open, so that its inode cannot be reused while it is watched.
type presence struct {
	mu    sync.Mutex
	files map[string]*os.File // by path

	looking  sync.Mutex    // held while the fields below are used
	segments *segmentWatch // the log's segments; nil: it has none
	suspects map[string]error
	stop     chan struct{}
}

// errReplaced means that a path now holds another file.
var errReplaced = errors.New("another file is in its place")

// watchFiles starts watching what the stores have opened.
func (o *opening) watchFiles() error {
	if o.existing {
		return nil // it is open for a moment
	}
	d := o.Dir
	p := &presence{files: map[string]*os.File{}, suspects: map[string]error{}, stop: make(chan struct{})}
	names := []string{".", "lock", d.identity, boltFile, voteFile, floor.FileName, "snapshots"}
	if d.record.LogStore == WAL {
		names = append(names, walDirectory, filepath.Join(walDirectory, metadb.FileName))
		p.segments = &segmentWatch{dir: d.file(walDirectory), logs: o.contiguous, known: map[string]segmentFile{}}
	}
	d.present = p
	for _, name := range names {
		if err := p.hold(d.file(name)); err != nil {
			return step("watch "+d.file(name), err)
		}
	}
	if p.segments != nil {
		p.segments.look(map[string]error{}) // registers the segments that exist now
	}
	go p.run(d.failure)
	return nil
}

// hold starts watching the file that is at path now. A nil presence watches nothing.
func (p *presence) hold(path string) error {
	if p == nil {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[path] = file
	return nil
}

// release stops watching the file at path until hold is called again, because this server itself
// is about to replace it.
func (p *presence) release(path string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if file := p.files[path]; file != nil {
		_ = file.Close() // it was only read
		delete(p.files, path)
	}
}

// run looks until it finds something or is ended. On a disk that does not respond, a look may take
// for ever; nobody waits for it.
func (p *presence) run(failure *failure) {
	look := time.NewTicker(presenceLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-p.stop:
			return
		}
		err := p.look()
		select {
		case <-p.stop:
			return // what it has found is that the files are closed
		default:
		}
		if err != nil {
			failure.keep(err)
			return
		}
	}
}

// look returns an error for what two looks in a row have found. If that is several paths, it names
// the one that contains the others.
func (p *presence) look() error {
	p.looking.Lock()
	defer p.looking.Unlock()
	found := p.findAll()
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if p.suspects[path] != nil {
			return goneError(path, found[path])
		}
	}
	p.suspects = found
	return nil
}

// findAll returns what is wrong now, by path.
func (p *presence) findAll() map[string]error {
	p.mu.Lock()
	files := make(map[string]*os.File, len(p.files))
	for path, file := range p.files {
		files[path] = file
	}
	p.mu.Unlock()
	found := map[string]error{}
	for path, file := range files {
		if err := samePlace(path, file); err != nil {
			found[path] = err
		}
	}
	if p.segments != nil && len(found) == 0 {
		p.segments.look(found)
	}
	return found
}

// samePlace returns an error if the file is no longer the one at path.
func samePlace(path string, file *os.File) error {
	held, err := file.Stat()
	if errors.Is(err, os.ErrClosed) {
		return nil // it has just been let go of
	}
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	switch {
	case err == nil && !os.SameFile(held, there):
		return errReplaced
	case gone(err):
		return err
	}
	return nil
}

// gone reports whether an error means that nothing is at a path. Other errors, such as too many
// open files, mean that nobody could look.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ESTALE)
}

// goneError names the path and the remedy. A directory that was moved away, or whose volume was,
// is intact: this process has gone on writing into it.
func goneError(path string, err error) error {
	what := "cannot be found any more"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		what = "was removed"
	case errors.Is(err, errReplaced):
		what = "was replaced"
	}
	return fmt.Errorf("%s: %s %s while this server was using it: put it back if it was moved away, and start this server again; if it is gone, %s", cause(err), path, what, node.AdviceEmpty)
}

// end stops the watch. It does not wait for a look in progress.
func (p *presence) end() error {
	if p == nil {
		return nil
	}
	close(p.stop)
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, file := range p.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
