//go:build !linux

package store

import "os"

// syncContent syncs a file.
func syncContent(f *os.File) error { return f.Sync() }

// writeBack syncs a file, where nothing less can be asked for.
func writeBack(f *os.File) error { return f.Sync() }
