// Package simulation runs whole servers (package server, without client sockets) in a
// testing/synctest bubble. Their network, disks and clocks misbehave on purpose, under a
// random workload. Afterwards the workload's history is checked for linearizability.
//
// There are two families of runs. In one, the servers stay the same while Faults strike.
// In the other, servers also join and leave, and are replaced, demoted, promoted, moved and
// copied (Changes). A server's place is what the operator wants it to be; at the end, every
// server must be in its place. Some clusters are founded by one server alone. If that one
// has lost its disk and is started as at first, it must be refused.
//
// A seed decides the workload and the faults. Goroutines are scheduled by the
// runtime, so a seed is a strong hint rather than an exact replay.
package simulation
