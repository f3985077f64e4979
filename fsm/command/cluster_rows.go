package command

// clusterRows are the commands about the cluster.
var clusterRows = []*Command{
	{
		Name: "asking", Arity: 1, Flags: Fast,
		By: ByConnection, Script: Refused, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Answers OK: no slot ever moves.",
			Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
		},
	},
	{
		Name: "cluster", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about the cluster.",
			Since:   "3.0.0", Group: "cluster", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "cluster|countkeysinslot", Arity: 3, Flags: Stale,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Counts the keys of a hash slot.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N keys",
					Args: []Arg{
						{Name: "slot", Type: ArgInteger},
					},
				},
				Run: clusterCountKeysInSlotCommand,
			},
			{
				Name: "cluster|failover", Arity: -2, Flags: Admin | Stale | NoAsyncLoading,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Moves leadership to the node that it is sent to.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "options", Type: ArgOneOf, Optional: true, Args: []Arg{
							{Name: "force", Type: ArgToken, Token: "FORCE"},
							{Name: "takeover", Type: ArgToken, Token: "TAKEOVER"},
						}},
					},
				},
			},
			{
				Name: "cluster|forget", Arity: 3, Flags: Admin | Stale | NoAsyncLoading,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Removes a node from the cluster.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "node-id", Type: ArgString},
					},
				},
			},
			{
				Name: "cluster|getkeysinslot", Arity: 4, Flags: Stale,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists keys of a hash slot.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N keys",
					Args: []Arg{
						{Name: "slot", Type: ArgInteger},
						{Name: "count", Type: ArgInteger},
					},
				},
				Run: clusterGetKeysInSlotCommand,
			},
			{
				Name: "cluster|help", Arity: 2, Flags: Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of CLUSTER.",
					Since:   "5.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|info", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells whether the cluster serves.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|keyslot", Arity: 3, Flags: Stale,
				By: ByNode, Script: FromEntry, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Computes the hash slot of a key.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N bytes of the key",
					Args: []Arg{
						{Name: "key", Type: ArgString},
					},
				},
			},
			{
				Name: "cluster|links", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the connections between this node and the others.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "cluster|meet", Arity: -4, Flags: Admin | Stale | NoAsyncLoading,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Invites the server that waits at an address.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "ip", Type: ArgString},
						{Name: "port", Type: ArgInteger},
						{Name: "cluster_bus_port", Type: ArgInteger, Since: "4.0.0", Optional: true},
					},
				},
			},
			{
				Name: "cluster|myid", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Tells this node's id.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|nodes", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes of the cluster in Redis Cluster's text form.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "cluster|replicas", Arity: 3, Flags: Admin | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes that follow the leader.",
					Since:   "5.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
					Args: []Arg{
						{Name: "node-id", Type: ArgString},
					},
				},
			},
			{
				Name: "cluster|reset", Arity: -2, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Is refused, and says how a member leaves.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "hard_soft", Type: ArgOneOf, Optional: true, Args: []Arg{
							{Name: "hard", Type: ArgToken, Token: "HARD"},
							{Name: "soft", Type: ArgToken, Token: "SOFT"},
						}},
					},
				},
			},
			{
				Name: "cluster|shards", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes by the slots that they serve.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "cluster|slaves", Arity: 3, Flags: Admin | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes that follow the leader.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
					Flags:           []string{"deprecated"},
					DeprecatedSince: "5.0.0", ReplacedBy: "`CLUSTER REPLICAS`",
					Args: []Arg{
						{Name: "node-id", Type: ArgString},
					},
				},
			},
			{
				Name: "cluster|slots", Arity: 2, Flags: Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists ranges of slots with the nodes that serve them.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
					Flags:           []string{"deprecated"},
					DeprecatedSince: "7.0.0", ReplacedBy: "`CLUSTER SHARDS`",
				},
			},
		},
	},
	{
		Name: "readonly", Arity: 1, Flags: Loading | Stale | Fast,
		By: ByConnection, Script: Refused, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Lets this node answer the connection's reads by itself.",
			Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
		},
	},
	{
		Name: "readwrite", Arity: 1, Flags: Loading | Stale | Fast,
		By: ByConnection, Script: Refused, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Ends what READONLY began.",
			Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
		},
	},
}
