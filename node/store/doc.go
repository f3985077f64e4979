// Package store is a server's data directory: the only place where a node keeps anything that must
// survive its process.
//
//	lock            flock'ed by the process that uses the directory; holds its pid
//	identity.json   who the server is, what it promised, its boot number
//	identity.json.unfinished  the same while init or recover make the directory: it is not served
//	votes           Raft's term and vote, with a checksum
//	raft.db         the same under Raft's keys; with the bolt log store also the log
//	wal/            the log, with the wal log store; spare is its next segment
//	floor           up to which entry the log was stored, so that a lost end is noticed
//	identity.json.spare  space for the next identity, so that a full disk stops no start
//	snapshots/      the newest snapshot, verified; beside it a new one that is being written
//	damaged-snapshot-*   a snapshot that was found damaged: it proves what this server has held
//	damaged-<time>/ the content of a damaged directory that Rebuild replaced by a new server
//
// What must hold:
//
//  1. One process at a time uses a directory.
//  2. A directory belongs to one server for ever: id@incarnation is minted with
//     it, and every one of Raft's files carries that name.
//  3. A write that returned is on the disk: temporary file, fsync, rename, fsync
//     of the directory. A crash at any step leaves the old content or the new.
//  4. Nothing that Raft was told to have stored may go missing unnoticed. The
//     directory is refused if there is a term without its log, a log without the
//     snapshot that it continues, a damaged snapshot beyond everything that is left, or
//     another log store than the recorded one: votes cast from such a state lose
//     committed writes.
//  5. Every entry that this release stores carries a seal (node/seal). identity.json
//     says from which index on (sealed_from). A DamageError names the file that holds
//     an entry whose seal does not match.
//  6. A snapshot is restored, sent or kept only if its content matches its checksum
//     and its name, term, index, configuration and size are those of its content.
//  7. A write that finds the disk full leaves nothing behind, and a start needs no
//     new space.
//  8. Damage is a DamageError, which names the file and the remedy, and never a panic.
//     A disk that fails to read or write is not damage: it may recover.
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
//	directory.Directory     wal/ only: the files; in tests a memory that forgets
//	                        what was not synced
//
// Whether an entry is the one that was stored is checked above this chain (node.Stores.ReadLog),
// because only the seal tells.
package store
