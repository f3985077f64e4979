// Package directory is the file layer below a node's log. It has the few operations on one flat
// directory that the log needs, implemented for a directory on a disk and for one in memory that
// forgets what was not synced.
//
// What must hold for every implementation:
//
//  1. File.Sync makes durable what was written to the file, and its size.
//  2. Directory.Sync makes the set of names durable. Until then, a power loss may undo
//     the creation, renaming or removal of a file.
//  3. Rename is atomic: after a crash the file has one name or the other.
package directory
