// Command demo shows on this machine what Kvorum is for:
//
//	scripts/demo-failover.sh     the leader is killed again and again while clients count
//	scripts/demo-partition.sh    the leader is cut off from the others, which go on
//	scripts/demo-compare.sh      the same faults done to Kvorum and to Redis with Sentinels
//
// Each ends with a verdict: what was acknowledged, found, lost and doubled. It
// is judged by the clients' own books (package tally), not by what the cluster
// says of itself. Ctrl-C ends it early, with its verdict; nothing that it
// started outlives it.
package main
