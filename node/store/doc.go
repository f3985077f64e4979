// Package store is a server's data directory: the only place where a node keeps
// anything that must survive its process.
//
//	lock            flock'ed by the process that uses the directory; holds its pid
//	identity.json   who the server is, what it promised, its boot number
//	identity.json.unfinished  the same while init or recover make the directory: it is not served
//	votes           Raft's term and vote, with a checksum
//	raft.db         the same under Raft's keys; with the bolt log store also the log
//	wal/            the log, with the wal log store; spare is its next segment
//	floor           to which entry the log was stored, so that a lost end is noticed
//	identity.json.spare  space for the next identity, so that a full disk stops no start
//	snapshots/      the newest snapshot, verified; a new one beside it while that is written
//	damaged-snapshot-*   a snapshot that was found damaged: it says what this server has held
//	damaged-<time>/ all that was in a damaged directory in whose place Rebuild put a new server
//
// What must hold:
//
//  1. One process at a time uses a directory.
//  2. A directory belongs to one server for ever: id@incarnation is minted with
//     it, and every file of Raft's carries that name.
//  3. A write that returned is on the disk: temporary file, fsync, rename, fsync
//     of the directory; a crash at any step leaves the old content or the new.
//  4. Nothing that Raft was told to have stored may go missing unnoticed: a term
//     without its log, a log without the snapshot that it continues, a damaged
//     snapshot beyond all that is left, another log store than the recorded one
//     are refused, because votes cast from such a state lose committed writes.
//  5. Every entry that this release stores carries a seal (node/seal); identity.json
//     says from which index on (sealed_from), and a DamageError says which file holds
//     one that does not fit.
//  6. No snapshot is restored, sent or kept but one whose content has its checksum
//     and whose name, term, index, configuration and size are those of its content.
//  7. A write that finds the disk full leaves nothing behind, and a start needs no
//     new space.
//  8. Damage is a DamageError, which names the file and the remedy, and never a panic.
//     A disk that fails to read or write is none: it may be well again.
//
// The log that Raft is given (node.Stores.Logs) is a chain of stores, too:
//
//	contiguousLog           makes both kinds alike: no gaps, the floor follows what is
//	                        stored, and nothing is stored after a failure
//	boltStore               raft.db: the pages that bbolt is going to touch are checked
//	                        first (boltpages), and its panics are errors
//	segments.Log            or wal/: the log was verified when it was opened; nothing is
//	                        stored after a failure that raft-wal only logs
//	raft-boltdb, raft-wal   the formats, the first release's
//	directory.Directory     wal/ only: the files, for tests also in a memory that forgets
//	                        what was not synced
//
// Whether an entry is the one that was stored is checked above them (node.Stores.ReadLog),
// since only the seal tells.
package store
