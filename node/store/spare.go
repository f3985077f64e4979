package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// spareSuffix ends the name of the file into which the next identity is written.
const spareSuffix = ".spare"

// replaceIdentity replaces the file at path like writeAtomic, but in space that was reserved
// before. Each start raises the boot number, and a full disk must not keep a server from starting.
// The spare file is written in place and renamed to path; then a new spare takes the space of the
// file that it replaced.
func (d *Dir) replaceIdentity(path string, text []byte) error {
	spare := path + spareSuffix
	err := d.writeSpare(spare, text)
	if err == nil {
		err = os.Rename(spare, path)
	}
	if err != nil {
		// There is no spare yet, or it is too small.
		if err := writeAtomic(path, text); err != nil {
			return err
		}
	} else if err := syncDirectory(filepath.Dir(path)); err != nil {
		return err
	}
	if err := makeSpare(spare, len(text)); err != nil {
		d.log.Warn("no space is set aside for the next start: it fails if the disk is full then", "error", err)
	}
	return nil
}

// writeSpare writes text into the blocks that the spare file already has.
func (d *Dir) writeSpare(spare string, text []byte) error {
	file, err := os.OpenFile(spare, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < int64(len(text)) {
		return fmt.Errorf("it has %d bytes", info.Size())
	}
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	return errors.Join(file.Truncate(int64(len(text))), file.Sync(), file.Close())
}

// makeSpare creates a file with room for an identity that has grown a little. It need not survive
// a crash: without it the next identity takes new space.
func makeSpare(spare string, size int) error {
	room := make([]byte, (size/spareStepBytes+2)*spareStepBytes)
	if err := os.WriteFile(spare, room, 0o600); err != nil {
		return errors.Join(err, os.Remove(spare))
	}
	return nil
}
