package command

// clusterRows are the commands about the cluster.
var clusterRows = []*Command{
	{
		Name: "cluster", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about the cluster.",
			Since:   "3.0.0", Group: "cluster", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "cluster|help", Arity: 2, Flags: Loading | Stale,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of CLUSTER.",
					Since:   "5.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|info", Arity: 2, Flags: Stale,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells whether the cluster serves.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|keyslot", Arity: 3, Flags: Stale,
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
				Name: "cluster|myid", Arity: 2, Flags: Stale,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Tells this node's id.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "cluster|nodes", Arity: 2, Flags: Stale,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes of the cluster in Redis Cluster's text form.",
					Since:   "3.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "cluster|shards", Arity: 2, Flags: Stale,
				Categories: []string{"slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Lists the nodes by the slots that they serve.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "cluster|slots", Arity: 2, Flags: Stale,
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
}
