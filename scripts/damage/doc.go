// Command damage breaks the disk of one node of a real three-node cluster on
// this machine on purpose, and says whether anything promised was broken.
//
//	go run ./scripts/damage                      # a sample of everything
//	go run ./scripts/damage -stride 1            # every byte of every file
//	go run ./scripts/damage -kvorum ./old-kvorum -stores wal -files tail -kinds cut
//	go run ./scripts/damage -only wal/tail/flip/1234/leading
//
// It makes a small directory for each node (image.go, prepare.go), with a
// snapshot that the log does not reach behind, an older snapshot, entries that
// one follower lacks, and books of everything that was acknowledged (books.go).
// Then, for each damage to a file of the first node (harm.go): restore all
// directories, do the damage, run one of the scenes (scenes.go), and compare what
// every node answers with the books.
//
//	alone    the damaged node starts with the follower that lags: its copy of what
//	         was acknowledged last is the only one; then the third node comes back
//	restart  the damaged node starts while both others are there
//	leading  it is damaged while it runs and leads, then the follower that lags
//	         comes back (emptied, so that it is sent a snapshot, if that is what is
//	         damaged), then the damaged node is restarted
//
// Two more sweeps stop a node at one of the changes that it makes to its directory,
// each in turn (package tracer; Linux on amd64):
//
//	go run ./scripts/damage -crashes             # killed, one node or all at once, then all are started again
//	go run ./scripts/damage -failures            # EIO or ENOSPC once, while clients of all nodes write
//
// In no scene may an acknowledged write be lost, an answer contradict the books,
// an intact node end or be condemned, or two intact nodes not serve. The damage is
// named in the damaged node's log, or it is proved harmless: all nodes hold the same
// and what the books say. A case in which nothing was wrong but that a node was waited
// for in vain is said, and played once more: it counts if it happens twice. After a crash all nodes serve again. While the leader's
// disk fails, clients of the other nodes wait for gapMax at most, and a leader that
// ends says why.
package main
