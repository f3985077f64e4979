// Package recorded holds data directories that the programs of earlier releases wrote, for
// tests of the code that must read them. There is one archive for each release and log
// store, testdata/MACHINE-STORE.tar.gz, which contains
//
//	log/         the directory of a node that had taken no snapshot
//	snapshot/    the same directory later: a snapshot, and the log before and after it
//	transcript   the commands that clients had sent by then, with the replies (Exchange)
//	facts        what the node reported about itself at the two moments (Facts)
//
// The node, n1, was a cluster of one. Its clients had sent the whole corpus
// (internal/corpus), and the commands of the table that the corpus leaves out. To record an
// archive again with the release's own program, or to record one for a later release:
//
//	go test ./internal/release/recorded -run TestRecord -count=1 -record.into=testdata -record.machine=1
package recorded
