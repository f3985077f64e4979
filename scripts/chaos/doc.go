// Command chaos breaks a real three-node cluster on this machine on purpose,
// under load, and says whether anything promised was broken: it kills leaders
// (kill -9), pauses them (SIGSTOP), cuts them off or has their machines vanish without a
// refusal, stalls their disks, kills all nodes at once, has leaders hand
// over and nodes restart one after the other, while clients of every node count
// with INCR and read what others have counted. It also measures what an idle
// cluster costs, and counts elections that full load alone brings about. A gap that is longer
// than what is promised is a broken promise, too.
//
//	go run ./scripts/chaos -kills 100 -pauses 200 -blackouts 20 -handovers 50 -rolling 20 -idle
//	go run ./scripts/chaos -cuts 100 -stills 100 -losses 100
//	go run ./scripts/chaos -stalls 20
//	go run ./scripts/chaos -full-load 10m
//
// A counter proves both directions: a lost write makes it jump back, a doubled
// one makes it jump ahead. What a client was not told (its own node died) may
// have happened or not, and is allowed for exactly once. At the end all nodes
// must have applied the same log with the same replies.
package main
