package recorded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed testdata/*.tar.gz
var archives embed.FS

// Stage is a moment at which a node's directory was recorded.
type Stage string

// The stages, which are the archives' folders.
const (
	LogOnly     Stage = "log"
	AndSnapshot Stage = "snapshot"
)

// Stores are the log stores for which there are archives.
var stores = []string{"wal", "bolt"}

// Stores returns the log stores for which each release has an archive.
func Stores() []string { return append([]string(nil), stores...) }

// Unpack writes an archive's content to a directory, which the test may then change.
func Unpack(machine int, store, dir string) error {
	name := archiveName(machine, store)
	packed, err := archives.ReadFile("testdata/" + name)
	if err == nil {
		err = unpack(bytes.NewReader(packed), dir)
	}
	if err != nil {
		return fmt.Errorf("recorded: unpack %s: %w", name, err)
	}
	return nil
}

func archiveName(machine int, store string) string {
	return fmt.Sprintf("%d-%s.tar.gz", machine, store)
}

// sizeField is the header field with the size of a file whose trailing zeros are left out.
const sizeField = "KVORUM.size"

// pack writes a directory as an archive. It leaves out the trailing zeros of files, because
// a segment of the log is created at its full size.
func pack(dir string, to io.Writer) error {
	zipped, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("recorded: compress: %w", err)
	}
	out := tar.NewWriter(zipped)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: filepath.ToSlash(name) + "/", Mode: 0o755})
		}
		return packFile(out, path, filepath.ToSlash(name))
	})
	if err = errors.Join(err, out.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("recorded: pack %s: %w", dir, err)
	}
	return nil
}

func packFile(out *tar.Writer, path, name string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	kept := bytes.TrimRight(content, "\x00")
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(kept)), ModTime: time.Unix(0, 0),
		PAXRecords: map[string]string{sizeField: strconv.Itoa(len(content))}}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err = out.Write(kept)
	return err
}

func unpack(from io.Reader, dir string) error {
	zipped, err := gzip.NewReader(from)
	if err != nil {
		return err
	}
	for in := tar.NewReader(zipped); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("%q lies outside", header.Name)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = unpackFile(in, header, path)
		}
		if err != nil {
			return err
		}
	}
}

func unpackFile(in io.Reader, header *tar.Header, path string) error {
	size, err := strconv.ParseInt(header.PAXRecords[sizeField], 10, 64)
	if err != nil {
		return fmt.Errorf("the size of %s: %w", header.Name, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, in)
	return errors.Join(err, file.Truncate(size), file.Close())
}
