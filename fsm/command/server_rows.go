package command

// serverRows are the commands about the server and its databases.
var serverRows = []*Command{
	{
		Name: "bgsave", Arity: -1, Flags: Admin | NoScript | NoAsyncLoading,
		By: ByNode, Script: Refused, Exec: InPlace,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Takes a snapshot beside running traffic.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "schedule", Type: ArgToken, Token: "SCHEDULE", Since: "3.2.2", Optional: true},
			},
		},
	},
	{
		Name: "command", Arity: -1, Flags: Loading | Stale,
		By: ByConnection, Script: FromEntry, Exec: InPlace,
		Categories: []string{"slow", "connection"},
		Tips:       []string{"nondeterministic_output_order"},
		Doc: Doc{
			Summary: "Describes all commands.",
			Since:   "2.8.13", Group: "server", Complexity: "O(N) for N commands",
		},
		Sub: []*Command{
			{
				Name: "command|count", Arity: 2, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Counts the commands.",
					Since:   "2.8.13", Group: "server", Complexity: "O(1)",
				},
			},
			{
				Name: "command|docs", Arity: -2, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Tips:       []string{"nondeterministic_output_order"},
				Doc: Doc{
					Summary: "Documents commands.",
					Since:   "7.0.0", Group: "server", Complexity: "O(N) for N commands",
					Args: []Arg{
						{Name: "command-name", Type: ArgString, Optional: true, Multiple: true},
					},
				},
			},
			{
				Name: "command|getkeys", Arity: -4, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Finds the keys in a whole command.",
					Since:   "2.8.13", Group: "server", Complexity: "O(N) for N arguments",
				},
			},
			{
				Name: "command|getkeysandflags", Arity: -4, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Finds the keys in a whole command and what it does to them.",
					Since:   "7.0.0", Group: "server", Complexity: "O(N) for N arguments",
				},
			},
			{
				Name: "command|help", Arity: 2, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Lists the sub-commands of COMMAND.",
					Since:   "5.0.0", Group: "server", Complexity: "O(1)",
				},
			},
			{
				Name: "command|info", Arity: -2, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Tips:       []string{"nondeterministic_output_order"},
				Doc: Doc{
					Summary: "Describes the commands named, or all.",
					Since:   "2.8.13", Group: "server", Complexity: "O(N) for N commands",
					Args: []Arg{
						{Name: "command-name", Type: ArgString, Optional: true, Multiple: true},
					},
				},
			},
			{
				Name: "command|list", Arity: -2, Flags: Loading | Stale,
				By: ByConnection, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Tips:       []string{"nondeterministic_output_order"},
				Doc: Doc{
					Summary: "Lists the names of commands.",
					Since:   "7.0.0", Group: "server", Complexity: "O(N) for N commands",
					Args: []Arg{
						{Name: "filterby", Type: ArgOneOf, Token: "FILTERBY", Optional: true, Args: []Arg{
							{Name: "module-name", Type: ArgString, Token: "MODULE"},
							{Name: "category", Type: ArgString, Token: "ACLCAT"},
							{Name: "pattern", Type: ArgPattern, Token: "PATTERN"},
						}},
					},
				},
			},
		},
	},
	{
		Name: "config", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about settings.",
			Since:   "2.0.0", Group: "server", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "config|get", Arity: -3, Flags: Admin | NoScript | Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Reads the settings whose names match patterns.",
					Since:   "2.0.0", Group: "server", Complexity: "O(N) for N patterns",
					Args: []Arg{
						{Name: "parameter", Type: ArgBlock, Multiple: true, Args: []Arg{
							{Name: "parameter", Type: ArgString},
						}},
					},
				},
			},
			{
				Name: "config|help", Arity: 2, Flags: Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of CONFIG.",
					Since:   "5.0.0", Group: "server", Complexity: "O(1)",
				},
			},
			{
				Name: "config|resetstat", Arity: 2, Flags: Admin | NoScript | Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Sets the counters of INFO to zero.",
					Since:   "2.0.0", Group: "server", Complexity: "O(1)",
				},
			},
			{
				Name: "config|set", Arity: -4, Flags: Admin | NoScript | Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Doc: Doc{
					Summary: "Changes settings.",
					Since:   "2.0.0", Group: "server", Complexity: "O(N) for N settings",
					Args: []Arg{
						{Name: "parameter_value", Type: ArgBlock, Multiple: true, Args: []Arg{
							{Name: "parameter", Type: ArgString},
							{Name: "value", Type: ArgString},
						}},
					},
				},
			},
		},
	},
	{
		Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast,
		Categories: []string{"keyspace", "read", "fast"},
		Tips:       []string{"request_policy:all_shards", "response_policy:agg_sum"},
		Doc: Doc{
			Summary: "Counts the keys of the database.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
		},
		Run: dbsizeCommand,
	},
	{
		Name: "debug", Arity: -2, Flags: Admin | NoScript | Loading | Stale,
		By: ByNode, Script: Refused, Exec: InPlace,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Groups what tests need.",
			Since:   "1.0.0", Group: "server", Complexity: "That of the sub-command",
			Flags: []string{"syscmd"},
		},
		unlisted: []*Command{
			{
				Name: "debug|digest", Arity: 2, Flags: Admin | NoScript,
				Script:     Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Run:        debugDigestCommand,
			},
			{
				Name: "debug|digest-value", Arity: -2, Flags: Admin | NoScript,
				Script:     Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Run:        debugDigestValueCommand,
			},
		},
	},
	{
		Name: "failover", Arity: -1, Flags: Admin | NoScript | Stale,
		By: ByNode, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Moves leadership from this node to another.",
			Since:   "6.2.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "target", Type: ArgBlock, Token: "TO", Optional: true, Args: []Arg{
					{Name: "host", Type: ArgString},
					{Name: "port", Type: ArgInteger},
					{Name: "force", Type: ArgToken, Token: "FORCE", Optional: true},
				}},
				{Name: "abort", Type: ArgToken, Token: "ABORT", Optional: true},
				{Name: "milliseconds", Type: ArgInteger, Token: "TIMEOUT", Optional: true},
			},
		},
	},
	{
		Name: "flushall", Arity: -1, Flags: Write,
		Categories: []string{"keyspace", "write", "slow", "dangerous"},
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Doc: Doc{
			Summary: "Empties all databases.",
			Since:   "1.0.0", Group: "server", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "async", Type: ArgOneOf, Optional: true, Args: []Arg{
					{Name: "async", Type: ArgToken, Token: "ASYNC", Since: "4.0.0"},
					{Name: "sync", Type: ArgToken, Token: "SYNC", Since: "6.2.0"},
				}},
			},
		},
		Run: flushallCommand,
	},
	{
		Name: "flushdb", Arity: -1, Flags: Write,
		Categories: []string{"keyspace", "write", "slow", "dangerous"},
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Doc: Doc{
			Summary: "Empties the database.",
			Since:   "1.0.0", Group: "server", Complexity: "O(N) for N keys of the database",
			Args: []Arg{
				{Name: "async", Type: ArgOneOf, Optional: true, Args: []Arg{
					{Name: "async", Type: ArgToken, Token: "ASYNC", Since: "4.0.0"},
					{Name: "sync", Type: ArgToken, Token: "SYNC", Since: "6.2.0"},
				}},
			},
		},
		Run: flushdbCommand,
	},
	{
		Name: "info", Arity: -1, Flags: Loading | Stale,
		By: ByNode, Script: Refused, Exec: InPlace,
		Categories: []string{"slow", "dangerous"},
		Tips:       []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Doc: Doc{
			Summary: "Reports on the node and the cluster.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "section", Type: ArgString, Optional: true, Multiple: true},
			},
		},
	},
	{
		Name: "lastsave", Arity: 1, Flags: Loading | Stale | Fast,
		By: ByNode, Script: Refused, Exec: InPlace,
		Categories: []string{"admin", "fast", "dangerous"},
		Tips:       []string{"nondeterministic_output"},
		Doc: Doc{
			Summary: "Tells when the last snapshot was taken.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
		},
	},
	{
		Name: "memory", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about memory.",
			Since:   "4.0.0", Group: "server", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "memory|help", Arity: 2, Flags: Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of MEMORY.",
					Since:   "4.0.0", Group: "server", Complexity: "O(1)",
				},
			},
			{
				Name: "memory|usage", Arity: -3, Flags: ReadOnly,
				FirstKey: 2, LastKey: 2, KeyStep: 1,
				Keys:       []KeySpec{{Flags: KeyRO, Begin: 2, Step: 1}},
				Categories: []string{"read", "slow"},
				Doc: Doc{
					Summary: "Estimates how many bytes a key takes.",
					Since:   "4.0.0", Group: "server", Complexity: "O(1)",
					Args: []Arg{
						{Name: "key", Type: ArgKey},
						{Name: "count", Type: ArgInteger, Token: "SAMPLES", Optional: true},
					},
				},
				Run: memoryUsageCommand,
			},
		},
	},
	{
		Name: "monitor", Arity: 1, Flags: Admin | NoScript | Loading | Stale,
		By: ByConnection, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Sends this connection every command that clients of this node run.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
		},
	},
	{
		Name: "replicaof", Arity: 3, Flags: Admin | NoScript | Stale | NoAsyncLoading,
		By: ByNode, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Is refused: every node follows the leader by itself.",
			Since:   "5.0.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "args", Type: ArgOneOf, Args: []Arg{
					{Name: "host-port", Type: ArgBlock, Args: []Arg{
						{Name: "host", Type: ArgString},
						{Name: "port", Type: ArgInteger},
					}},
					{Name: "no-one", Type: ArgBlock, Args: []Arg{
						{Name: "no", Type: ArgToken, Token: "NO"},
						{Name: "one", Type: ArgToken, Token: "ONE"},
					}},
				}},
			},
		},
	},
	{
		Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast,
		By: ByNode, Script: Refused, Exec: InPlace,
		Categories: []string{"admin", "fast", "dangerous"},
		Doc: Doc{
			Summary: "Tells whether this node leads or follows.",
			Since:   "2.8.12", Group: "server", Complexity: "O(1)",
		},
	},
	{
		Name: "save", Arity: 1, Flags: Admin | NoScript | NoAsyncLoading | NoMulti,
		By: ByNode, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Takes a snapshot and waits for it.",
			Since:   "1.0.0", Group: "server", Complexity: "O(N) for N keys",
		},
	},
	{
		Name: "shutdown", Arity: -1, Flags: Admin | NoScript | Loading | Stale | NoMulti | AllowBusy,
		By: ByNode, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Hands leadership over and stops this node.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "nosave_save", Type: ArgOneOf, Optional: true, Args: []Arg{
					{Name: "nosave", Type: ArgToken, Token: "NOSAVE"},
					{Name: "save", Type: ArgToken, Token: "SAVE"},
				}},
				{Name: "now", Type: ArgToken, Token: "NOW", Since: "7.0.0", Optional: true},
				{Name: "force", Type: ArgToken, Token: "FORCE", Since: "7.0.0", Optional: true},
				{Name: "abort", Type: ArgToken, Token: "ABORT", Since: "7.0.0", Optional: true},
			},
		},
	},
	{
		Name: "slaveof", Arity: 3, Flags: Admin | NoScript | Stale | NoAsyncLoading,
		By: ByNode, Script: Refused, Exec: Refused,
		Categories: []string{"admin", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Is refused: every node follows the leader by itself.",
			Since:   "1.0.0", Group: "server", Complexity: "O(1)",
			Flags:           []string{"deprecated"},
			DeprecatedSince: "5.0.0", ReplacedBy: "`REPLICAOF`",
			Args: []Arg{
				{Name: "args", Type: ArgOneOf, Args: []Arg{
					{Name: "host-port", Type: ArgBlock, Args: []Arg{
						{Name: "host", Type: ArgString},
						{Name: "port", Type: ArgInteger},
					}},
					{Name: "no-one", Type: ArgBlock, Args: []Arg{
						{Name: "no", Type: ArgToken, Token: "NO"},
						{Name: "one", Type: ArgToken, Token: "ONE"},
					}},
				}},
			},
		},
	},
	{
		Name: "swapdb", Arity: 3, Flags: Write | Fast,
		Categories: []string{"keyspace", "write", "fast", "dangerous"},
		Doc: Doc{
			Summary: "Exchanges two databases.",
			Since:   "4.0.0", Group: "server", Complexity: "O(1)",
			Args: []Arg{
				{Name: "index1", Type: ArgInteger},
				{Name: "index2", Type: ArgInteger},
			},
		},
		Run: swapdbCommand,
	},
	{
		Name: "time", Arity: 1, Flags: Loading | Stale | Fast,
		Categories: []string{"fast"},
		Tips:       []string{"nondeterministic_output"},
		Doc: Doc{
			Summary: "Tells the cluster's time.",
			Since:   "2.6.0", Group: "server", Complexity: "O(1)",
		},
		Run: timeCommand,
	},
}
