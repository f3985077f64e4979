package command

// clusterRows are the commands about the cluster.
var clusterRows = group("cluster", "",
	local("asking", byConnection, Fast).in("connection").
		doc("3.0.0", "O(1)", "Answers OK: no slot ever moves."),
	container("cluster", "3.0.0", "Groups the commands about the cluster.",
		gated("cluster|countkeysinslot slot:int", clusterCountKeysInSlotCommand, Stale).
			doc("3.0.0", "O(N) for N keys", "Counts the keys of a hash slot."),
		local("cluster|failover options=[FORCE | TAKEOVER]", byNodeAlone, Admin|Stale|NoAsyncLoading).
			doc("3.0.0", "O(1)", "Moves leadership to the node that it is sent to."),
		local("cluster|forget node-id", byNodeAlone, Admin|Stale|NoAsyncLoading).
			doc("3.0.0", "O(1)", "Removes a node from the cluster."),
		gated("cluster|getkeysinslot slot:int count:int", clusterGetKeysInSlotCommand, Stale).
			tips("nondeterministic_output").
			doc("3.0.0", "O(N) for N keys", "Lists keys of a hash slot."),
		local("cluster|help", byNode, Loading|Stale).
			doc("5.0.0", "O(1)", "Lists the sub-commands of CLUSTER."),
		local("cluster|info", byNode, Stale).
			tips("nondeterministic_output").
			doc("3.0.0", "O(1)", "Tells whether the cluster serves."),
		local("cluster|keyslot key:string", byNodeOrEntry, Stale).
			doc("3.0.0", "O(N) for N bytes of the key", "Computes the hash slot of a key."),
		local("cluster|links", byNode, Stale).
			tips("nondeterministic_output").
			doc("7.0.0", "O(N) for N nodes", "Lists the connections between this node and the others."),
		local("cluster|meet ip port:int [cluster_bus_port:int]@4.0.0", byNodeAlone, Admin|Stale|NoAsyncLoading).
			doc("3.0.0", "O(1)", "Invites the server that waits at an address."),
		local("cluster|myid", byNode, Stale).
			doc("3.0.0", "O(1)", "Tells this node's id."),
		local("cluster|nodes", byNode, Stale).
			tips("nondeterministic_output").
			doc("3.0.0", "O(N) for N nodes", "Lists the nodes of the cluster in Redis Cluster's text form."),
		local("cluster|replicas node-id", byNode, Admin|Stale).
			tips("nondeterministic_output").
			doc("5.0.0", "O(N) for N nodes", "Lists the nodes that follow the leader."),
		local("cluster|reset hard_soft=[HARD | SOFT]", byNodeAlone, Admin|NoScript|Stale).
			doc("3.0.0", "O(1)", "Is refused, and says how a member leaves."),
		local("cluster|shards", byNode, Stale).
			tips("nondeterministic_output").
			doc("7.0.0", "O(N) for N nodes", "Lists the nodes by the slots that they serve."),
		local("cluster|slaves node-id", byNode, Admin|Stale).
			tips("nondeterministic_output").
			doc("3.0.0", "O(N) for N nodes", "Lists the nodes that follow the leader.").
			deprecated("5.0.0", "`CLUSTER REPLICAS`"),
		local("cluster|slots", byNode, Stale).
			tips("nondeterministic_output").
			doc("3.0.0", "O(N) for N nodes", "Lists ranges of slots with the nodes that serve them.").
			deprecated("7.0.0", "`CLUSTER SHARDS`"),
	),
	local("readonly", byConnection, Loading|Stale|Fast).in("connection").
		doc("3.0.0", "O(1)", "Lets this node answer the connection's reads by itself."),
	local("readwrite", byConnection, Loading|Stale|Fast).in("connection").
		doc("3.0.0", "O(1)", "Ends what READONLY began."),
)
