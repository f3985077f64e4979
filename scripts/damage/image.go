package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// image is the content of a directory, held in memory.
type image map[string]imageFile // by path below the directory

// imageFile is a file's content without the zeros that it ends in: a log's
// segment is mostly those.
type imageFile struct {
	used []byte
	size int64
}

// capture reads a directory that no process uses.
func capture(dir string) (image, error) {
	img := image{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		img[name] = imageFile{bytes.Clone(bytes.TrimRight(content, "\x00")), int64(len(content))}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return img, nil
}

// restore makes a directory that holds exactly the image; zeros become holes.
func (img image) restore(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("restore %s: %w", dir, err)
	}
	for name, f := range img {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = f.restore(path)
		}
		if err != nil {
			return fmt.Errorf("restore %s: %w", path, err)
		}
	}
	return nil
}

func (f imageFile) restore(path string) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Truncate(f.size); err != nil {
		return err
	}
	zeros := make([]byte, pageBytes)
	for at := 0; at < len(f.used); at += pageBytes {
		page := f.used[at:min(at+pageBytes, len(f.used))]
		if bytes.Equal(page, zeros[:len(page)]) {
			continue
		}
		if _, err := file.WriteAt(page, int64(at)); err != nil {
			return err
		}
	}
	return nil
}
