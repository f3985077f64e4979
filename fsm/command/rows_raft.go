package command

// raftRows are Kvorum's own commands.
var raftRows = []*Command{
	{
		Name: "raft", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about consensus.",
			Since:   "7.0.0", Group: "cluster", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "raft|help", Arity: 2, Flags: Loading | Stale,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of RAFT.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "raft|set", Arity: -4, Flags: Write | Admin | NoScript,
				Categories: []string{"write", "admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Changes settings that are replicated, as CONFIG SET does through it.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N settings",
					Args: []Arg{
						{Name: "parameter_value", Type: ArgBlock, Multiple: true, Args: []Arg{
							{Name: "parameter", Type: ArgString},
							{Name: "value", Type: ArgString},
						}},
					},
				},
				Run: raftSetCommand,
			},
			{
				Name: "raft|status", Arity: 2, Flags: Admin | Loading | Stale,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells what this node knows of leader, term, log and members.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
		},
	},
}
