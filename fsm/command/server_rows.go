package command

// Arguments that rows share.
const (
	flushMode   = "async=[ASYNC@4.0.0 | SYNC@6.2.0]"
	followWhom  = "args=(host-port=(host port:int) | no-one=(NO ONE))"
	namesFilter = "[FILTERBY filterby=(MODULE module-name | ACLCAT category | PATTERN pattern:pattern)]"
)

// serverRows are the commands about the server and its databases.
var serverRows = group("server", "",
	local("bgsave [SCHEDULE]@3.2.2", byNode, Admin|NoScript|NoAsyncLoading).
		doc("1.0.0", "O(1)", "Takes a snapshot beside running traffic."),
	local("command", byConnectionOrEntry, Loading|Stale).arity(-1).in("connection").
		tips("nondeterministic_output_order").
		doc("2.8.13", "O(N) for N commands", "Describes all commands.").
		with(
			local("command|count", byConnectionOrEntry, Loading|Stale).in("connection").
				doc("2.8.13", "O(1)", "Counts the commands."),
			local("command|docs [command-name...]", byConnectionOrEntry, Loading|Stale).in("connection").
				tips("nondeterministic_output_order").
				doc("7.0.0", "O(N) for N commands", "Documents commands."),
			local("command|getkeys", byConnectionOrEntry, Loading|Stale).arity(-4).in("connection").
				doc("2.8.13", "O(N) for N arguments", "Finds the keys in a whole command."),
			local("command|getkeysandflags", byConnectionOrEntry, Loading|Stale).arity(-4).in("connection").
				doc("7.0.0", "O(N) for N arguments", "Finds the keys in a whole command and what it does to them."),
			local("command|help", byConnectionOrEntry, Loading|Stale).in("connection").
				doc("5.0.0", "O(1)", "Lists the sub-commands of COMMAND."),
			local("command|info [command-name...]", byConnectionOrEntry, Loading|Stale).in("connection").
				tips("nondeterministic_output_order").
				doc("2.8.13", "O(N) for N commands", "Describes the commands named, or all."),
			local("command|list "+namesFilter, byConnectionOrEntry, Loading|Stale).in("connection").
				tips("nondeterministic_output_order").
				doc("7.0.0", "O(N) for N commands", "Lists the names of commands."),
		),
	container("config", "2.0.0", "Groups the commands about settings.",
		local("config|get parameter=(parameter)...", byNode, Admin|NoScript|Loading|Stale).
			doc("2.0.0", "O(N) for N patterns", "Reads the settings whose names match patterns."),
		local("config|help", byNode, Loading|Stale).
			doc("5.0.0", "O(1)", "Lists the sub-commands of CONFIG."),
		local("config|resetstat", byNode, Admin|NoScript|Loading|Stale).
			doc("2.0.0", "O(1)", "Sets the counters of INFO to zero."),
		local("config|set parameter_value=(parameter value)...", byNode, Admin|NoScript|Loading|Stale).
			tips("request_policy:all_nodes", "response_policy:all_succeeded").
			doc("2.0.0", "O(N) for N settings", "Changes settings."),
	),
	read("dbsize", dbsizeCommand, Fast).in("keyspace").
		tips("request_policy:all_shards", "response_policy:agg_sum").
		doc("1.0.0", "O(1)", "Counts the keys of the database."),
	local("debug", byNode, Admin|NoScript|Loading|Stale).arity(-2).
		doc("1.0.0", "That of the sub-command", "Groups what tests need.").docFlags("syscmd").
		hiding(
			gated("debug|digest", debugDigestCommand, Admin|NoScript),
			gated("debug|digest-value [key:string...]", debugDigestValueCommand, Admin|NoScript),
		),
	local("failover [TO target=(host port:int [FORCE])] [ABORT] [TIMEOUT milliseconds:int]", byNodeAlone, Admin|NoScript|Stale).
		doc("6.2.0", "O(1)", "Moves leadership from this node to another."),
	write("flushall "+flushMode, flushallCommand, 0).in("keyspace", "dangerous").
		tips("request_policy:all_shards", "response_policy:all_succeeded").
		doc("1.0.0", "O(N) for N keys", "Empties all databases."),
	write("flushdb "+flushMode, flushdbCommand, 0).in("keyspace", "dangerous").
		tips("request_policy:all_shards", "response_policy:all_succeeded").
		doc("1.0.0", "O(N) for N keys of the database", "Empties the database."),
	local("info [section...]", byNode, Loading|Stale).in("dangerous").
		tips("nondeterministic_output", "request_policy:all_shards", "response_policy:special").
		doc("1.0.0", "O(1)", "Reports on the node and the cluster."),
	local("lastsave", byNode, Loading|Stale|Fast).in("admin", "dangerous").
		tips("nondeterministic_output").
		doc("1.0.0", "O(1)", "Tells when the last snapshot was taken."),
	container("memory", "4.0.0", "Groups the commands about memory.",
		local("memory|help", byNode, Loading|Stale).
			doc("4.0.0", "O(1)", "Lists the sub-commands of MEMORY."),
		read("memory|usage key [SAMPLES count:int]", memoryUsageCommand, 0, keyAt(2, KeyRO)).
			doc("4.0.0", "O(1)", "Estimates how many bytes a key takes."),
	),
	local("monitor", byConnectionAlone, Admin|NoScript|Loading|Stale).
		doc("1.0.0", "O(1)", "Sends this connection every command that clients of this node run."),
	local("replicaof "+followWhom, byNodeAlone, Admin|NoScript|Stale|NoAsyncLoading).
		doc("5.0.0", "O(1)", "Is refused: every node follows the leader by itself."),
	local("role", byNode, NoScript|Loading|Stale|Fast).in("admin", "dangerous").
		doc("2.8.12", "O(1)", "Tells whether this node leads or follows."),
	local("save", byNodeAlone, Admin|NoScript|NoAsyncLoading|NoMulti).
		doc("1.0.0", "O(N) for N keys", "Takes a snapshot and waits for it."),
	local("shutdown nosave_save=[NOSAVE | SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0", byNodeAlone,
		Admin|NoScript|Loading|Stale|NoMulti|AllowBusy).
		doc("1.0.0", "O(1)", "Hands leadership over and stops this node."),
	local("slaveof "+followWhom, byNodeAlone, Admin|NoScript|Stale|NoAsyncLoading).
		doc("1.0.0", "O(1)", "Is refused: every node follows the leader by itself.").
		deprecated("5.0.0", "`REPLICAOF`"),
	write("swapdb index1:int index2:int", swapdbCommand, Fast).in("keyspace", "dangerous").
		doc("4.0.0", "O(1)", "Exchanges two databases."),
	gated("time", timeCommand, Loading|Stale|Fast).
		tips("nondeterministic_output").
		doc("2.6.0", "O(1)", "Tells the cluster's time."),
)
