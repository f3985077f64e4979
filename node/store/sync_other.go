//go:build !linux

package store

import "os"

// syncContent syncs a file.
func syncContent(f *os.File) error { return f.Sync() }

// writeBack syncs a file, because nothing weaker is available here.
func writeBack(f *os.File) error { return f.Sync() }
