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
				Name: "raft|add", Arity: -3, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Invites the server that waits at an address.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "host:port", Type: ArgString},
						{Name: "nonvoter", Type: ArgToken, Token: "NONVOTER", Optional: true},
					},
				},
			},
			{
				Name: "raft|demote", Arity: -3, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Takes a server's vote.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "id", Type: ArgString},
						{Name: "force", Type: ArgToken, Token: "FORCE", Optional: true},
					},
				},
			},
			{
				Name: "raft|digest", Arity: -2, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Compares the machines of all nodes at one index.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes, with FULL for N keys",
					Args: []Arg{
						{Name: "full", Type: ArgToken, Token: "FULL", Optional: true},
					},
				},
			},
			{
				Name: "raft|help", Arity: 2, Flags: Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of RAFT.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
				},
			},
			{
				Name: "raft|promote", Arity: 3, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Gives a server a vote once it has caught up.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "id", Type: ArgString},
					},
				},
			},
			{
				Name: "raft|remove", Arity: -3, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Removes a server from the cluster.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "id", Type: ArgString},
						{Name: "force", Type: ArgToken, Token: "FORCE", Optional: true},
					},
				},
			},
			{
				Name: "raft|set", Arity: -4, Flags: Write | Admin | NoScript,
				Script:     Refused,
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
				Name: "raft|snapshot", Arity: 2, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Takes a snapshot on this node and waits for it.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N keys",
				},
			},
			{
				Name: "raft|status", Arity: 2, Flags: Admin | Loading | Stale,
				By: ByNode, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells what this node knows of leader, term, log and members.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
				},
			},
			{
				Name: "raft|transfer", Arity: -2, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Moves leadership to a server, or to the best one.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(1)",
					Args: []Arg{
						{Name: "id", Type: ArgString, Optional: true},
					},
				},
			},
			{
				Name: "raft|upgrade", Arity: 3, Flags: Admin | NoScript | Stale,
				By: ByNode, Script: Refused, Exec: Refused,
				Categories: []string{"admin", "slow", "dangerous"},
				Doc: Doc{
					Summary: "Finishes an upgrade: raises the version of the machine now.",
					Since:   "7.0.0", Group: "cluster", Complexity: "O(N) for N nodes",
					Args: []Arg{
						{Name: "finish", Type: ArgToken, Token: "FINISH"},
					},
				},
			},
		},
	},
}
