// Package directory is the file layer below a node's log: the few operations
// on one flat directory that the log needs, for a directory on a disk and for
// one in memory that forgets what was not synced.
//
// What must hold of every implementation:
//
//  1. File.Sync makes durable what was written to the file, and its size.
//  2. Directory.Sync makes durable which names there are; a file that was made,
//     renamed or removed may be back where it was after a loss of power until then.
//  3. Rename replaces nothing half: after a crash the file has one name or the other.
package directory
