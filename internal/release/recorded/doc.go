// Package recorded holds data directories that the programs of earlier releases wrote,
// for tests of what has to read them. There is one archive for each release and log
// store, testdata/MACHINE-STORE.tar.gz, with
//
//	log/         the directory of a node that had taken no snapshot
//	snapshot/    the same node's later: a snapshot, and the log before and behind it
//	transcript   the commands that its clients had sent by then, with the replies (Exchange)
//	facts        what the node said of itself at the two moments (Facts)
//
// The node was its cluster alone, n1, and its clients had sent the whole corpus
// (internal/corpus) and whatever rows of the command table that leaves out. To make an
// archive anew from the release's own program, or one for a later release:
//
//	go test ./internal/release/recorded -run TestRecord -count=1 -record.into=testdata -record.machine=1
package recorded
