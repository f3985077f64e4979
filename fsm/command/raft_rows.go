package command

// raftRows are Kvorum's own commands.
var raftRows = group("cluster", "",
	container("raft", "7.0.0", "Groups the commands about consensus.",
		local("raft|add host:port [NONVOTER]", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(1)", "Invites the server that waits at an address."),
		local("raft|demote id [FORCE]", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(1)", "Takes a server's vote."),
		local("raft|digest [FULL]", byNodeAlone, Admin|NoScript|Stale).
			tips("nondeterministic_output").
			doc("7.0.0", "O(N) for N nodes, with FULL for N keys", "Compares the machines of all nodes at one index."),
		local("raft|help", byNode, Loading|Stale).
			doc("7.0.0", "O(1)", "Lists the sub-commands of RAFT."),
		local("raft|promote id", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(1)", "Gives a server a vote once it has caught up."),
		local("raft|remove id [FORCE]", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(1)", "Removes a server from the cluster."),
		write("raft|set parameter_value=(parameter value)...", raftSetCommand, Admin|NoScript).
			doc("7.0.0", "O(N) for N settings", "Changes settings that are replicated, as CONFIG SET does through it."),
		local("raft|snapshot", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(N) for N keys", "Takes a snapshot on this node and waits for it."),
		local("raft|status", byNode, Admin|Loading|Stale).
			tips("nondeterministic_output").
			doc("7.0.0", "O(N) for N nodes", "Tells what this node knows of leader, term, log and members."),
		local("raft|transfer [id]", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(1)", "Moves leadership to a server, or to the best one."),
		local("raft|upgrade FINISH", byNodeAlone, Admin|NoScript|Stale).
			doc("7.0.0", "O(N) for N nodes", "Finishes an upgrade: raises the version of the machine now."),
	),
)
