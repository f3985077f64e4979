// Package release lists the releases of Kvorum by their commits (releases.txt), and builds
// the binary of a release from the repository's history. Tests need it to run a cluster of
// two releases, or to read what an older release has written.
//
// A program runs in clusters of its own machine version and of the previous one.
package release
