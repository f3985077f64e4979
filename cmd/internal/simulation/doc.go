// Package simulation runs whole servers (the wiring of package server, without
// client sockets) in a testing/synctest bubble, on a network, disks and clocks
// that misbehave on purpose, under a random workload whose history is then
// checked for linearizability.
//
// There are two families of runs: the servers stay the same (Faults), or they
// join, leave, are replaced, demoted, promoted, moved and copied (Changes) while
// the same faults strike. What the operator wants each server to be is its place;
// in the end everybody is in theirs. Some clusters are founded by one server, which is
// refused when it has lost its disk and is started as at first.
//
// A seed decides the workload and the faults. Goroutines are scheduled by the
// runtime, so a seed is a strong hint rather than an exact replay.
package simulation
