// Package release names the releases of Kvorum by their commits (releases.txt), and
// builds the binary of one from the repository's history, for tests that run a cluster
// of two releases or read what an older one has written.
//
// A program runs in clusters of its own machine version and of the one before.
package release
