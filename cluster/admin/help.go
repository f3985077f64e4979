package admin

import (
	"context"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// helpCommand returns a function that answers a HELP sub-command.
func helpCommand(answer reply.Value) runs {
	return func(context.Context, *command.Call) reply.Value { return answer }
}

// help builds the reply to a HELP sub-command as in Redis: simple strings, with the usage first and
// HELP itself last. It lists only what is supported.
func help(name string, lines ...string) reply.Value {
	values := []reply.Value{reply.Status(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for _, line := range lines {
		values = append(values, reply.Status(line))
	}
	return reply.List(append(values, reply.Status("HELP"), reply.Status("    Prints this help."))...)
}

var configHelp = help("CONFIG",
	"GET <pattern>",
	"    Return parameters matching the glob-like <pattern> and their values.",
	"SET <directive> <value>",
	"    Set the configuration <directive> to <value>.",
	"RESETSTAT",
	"    Reset statistics reported by the INFO command.")

var memoryHelp = help("MEMORY",
	"USAGE <key> [SAMPLES <count>]",
	"    Return memory in bytes used by <key> and its value. Nested values are",
	"    sampled up to <count> times (default: 5, 0 means sample all).")

var debugHelp = help("DEBUG",
	"DIGEST",
	"    Output a hex signature representing the current DB content.",
	"DIGEST-VALUE <key> [<key> ...]",
	"    Output a hex signature of the values of all the specified keys.",
	"SLEEP <seconds>",
	"    Stop the server for <seconds>. Decimals allowed.")

var clusterHelp = help("CLUSTER",
	"COUNTKEYSINSLOT <slot>",
	"    Return the number of keys in <slot>.",
	"FAILOVER [FORCE|TAKEOVER]",
	"    Promote current replica node to being a master.",
	"FORGET <node-id>",
	"    Remove a node from the cluster.",
	"GETKEYSINSLOT <slot> <count>",
	"    Return key names stored by current node in a slot.",
	"INFO",
	"    Return information about the cluster.",
	"KEYSLOT <key>",
	"    Return the hash slot for <key>.",
	"MEET <ip> <port> [<bus-port>]",
	"    Invite the server that waits there (kvorum serve --await) into the cluster.",
	"MYID",
	"    Return the node id.",
	"NODES",
	"    Return cluster configuration seen by node. Output format:",
	"    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
	"REPLICAS <node-id>",
	"    Return <node-id> replicas.",
	"SLOTS",
	"    Return information about slots range mappings. Each range is made of:",
	"    start, end, master and replicas IP addresses, ports and ids",
	"SHARDS",
	"    Return information about slot range mappings and the nodes associated with them.",
	"LINKS",
	"    Return information about all network links between this node and its peers.",
	"    Output format is an array where each array element is a map containing attributes of a link")

var raftHelp = help("RAFT",
	"ADD <host:port> [NONVOTER]",
	"    Invite the server that waits at that peer address (kvorum serve --await): it gets a",
	"    vote once it has caught up, or never asks for one (NONVOTER).",
	"DEMOTE <id> [FORCE]",
	"    Take a server's vote; it goes on as a read replica.",
	"DIGEST [FULL]",
	"    Compare all nodes' running hashes at one index, now; FULL: their whole datasets too.",
	"PROMOTE <id>",
	"    Give a server that has caught up a vote.",
	"REMOVE <id> [FORCE]",
	"    Remove a server for ever. FORCE does so although the rest may have no majority then.",
	"SET <directive> <value> [<directive> <value> ...]",
	"    Set configuration directives that are replicated, as CONFIG SET does.",
	"SNAPSHOT",
	"    Take a snapshot on this node and wait for it.",
	"STATUS",
	"    Return what this node knows of the log, the leader and the other nodes.",
	"TRANSFER [<id>]",
	"    Move leadership to a server, or to the one that is best placed.",
	"UPGRADE FINISH",
	"    Raise the version of the machine now: there is no way back to the release before.")

// upper returns name in upper case.
func upper(name []byte) []byte {
	out := make([]byte, len(name))
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
