// Package simulation runs whole servers (the wiring of package server, without
// client sockets) in a testing/synctest bubble, on a network, disks and clocks
// that misbehave on purpose, under a random workload whose history is then
// checked for linearizability.
//
// A seed decides the workload and the faults. Goroutines are scheduled by the
// runtime, so a seed is a strong hint rather than an exact replay.
package simulation
