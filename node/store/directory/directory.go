package directory

import "io"

// Directory is one flat directory of files.
type Directory interface {
	// Names lists the files, sorted.
	Names() ([]string, error)
	// Open opens a file for reading and writing. With create the file must not exist yet.
	Open(name string, create bool) (File, error)
	// Rename renames a file.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(name string) error
	// Sync makes the set of names durable.
	Sync() error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes durable what was written.
	Sync() error
	// Allocate sets the file's size and reserves the space, as far as the file system can. New
	// space reads as zeros.
	Allocate(bytes int64) error
}
