// Package segments is hashicorp/raft-wal with the checks and the file layer that it lacks. Files
// and format are the same, so a binary without this package can open what this one has written.
//
// A log is a directory of segment files and wal-meta.db, which lists them. Entries are appended to
// the last segment, the tail, in batches. Each batch ends in a commit frame with a checksum over
// the whole batch, and is synced before the append returns.
//
// What must hold:
//
//  1. At most one batch is not synced: the last one. Behind it the tail is zero.
//     So a batch with a wrong checksum was torn by a crash only if no whole batch
//     stands behind it, and if the caller does not know of an entry in or behind it
//     (its floor). Everything else is damage, and refused.
//  2. What a crash has torn is zeroed before anything is appended, so that 1 holds again.
//  3. What is found at an open is synced before it is trusted. A process that was
//     killed between write and sync leaves it in the page cache, where a power loss
//     would still destroy it. It is first written again, since a sync that failed
//     leaves pages that the next sync takes for written.
//  4. No segment file is newer than wal-meta.db; its NextSegmentID tells. bbolt
//     falls back to its older state if the newer one is damaged.
//  5. After the first failed write nothing more is written.
//
// frame.go reads the format, scan.go a segment, verify.go a whole log. repair.go finishes what a
// crash interrupted. meta.go is wal-meta.db. layer.go and spare.go are the file layer. log.go
// combines them.
package segments
