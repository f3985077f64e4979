// Package store is a server's data directory: the only place where a node keeps
// anything that must survive its process.
//
//	lock            flock'ed by the process that uses the directory; holds its pid
//	identity.json   who the server is, what it promised, its boot number
//	votes           Raft's term and vote, with a checksum
//	raft.db         the same under Raft's keys; with the bolt log store also the log
//	wal/            the log, with the wal log store; spare is its next segment
//	floor           to which entry the log was stored, so that a lost end is noticed
//	identity.json.spare  space for the next identity, so that a full disk stops no start
//	snapshots/      the newest snapshot, verified; while one is written, it and that one
//	damaged-snapshot-*  a snapshot found damaged, at a start or while it was to be sent: what this server has held
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
package store
