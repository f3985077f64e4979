//go:build !linux

package store

import "os"

// syncContent syncs a file.
func syncContent(f *os.File) error { return f.Sync() }
