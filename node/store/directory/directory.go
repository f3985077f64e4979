package directory

import "io"

// Directory is one flat directory of files.
type Directory interface {
	// Names lists the files, sorted.
	Names() ([]string, error)
	// Open opens a file to be read and written; with create it must not exist yet.
	Open(name string, create bool) (File, error)
	// Rename gives a file another name.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(name string) error
	// Sync makes durable which names there are.
	Sync() error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes durable what was written.
	Sync() error
	// Allocate makes the file that large and sets the space aside, as far as
	// the file system can; what is new reads as zeros.
	Allocate(bytes int64) error
}
