package command

// connectionRows are the commands that a connection answers.
var connectionRows = []*Command{
	{
		Name: "auth", Arity: -2, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		By: ByConnection, Script: Refused, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Shows the server a password.",
			Since:   "1.0.0", Group: "connection", Complexity: "O(1)",
			Args: []Arg{
				{Name: "username", Type: ArgString, Since: "6.0.0", Optional: true},
				{Name: "password", Type: ArgString},
			},
		},
	},
	{
		Name: "client", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands about connections.",
			Since:   "2.4.0", Group: "connection", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "client|getname", Arity: 2, Flags: NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Tells this connection's name.",
					Since:   "2.6.9", Group: "connection", Complexity: "O(1)",
				},
			},
			{
				Name: "client|help", Arity: 2, Flags: Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Lists the sub-commands of CLIENT.",
					Since:   "5.0.0", Group: "connection", Complexity: "O(1)",
				},
			},
			{
				Name: "client|id", Arity: 2, Flags: NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Tells this connection's number, unique in the cluster.",
					Since:   "5.0.0", Group: "connection", Complexity: "O(1)",
				},
			},
			{
				Name: "client|info", Arity: 2, Flags: NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Describes this connection.",
					Since:   "6.2.0", Group: "connection", Complexity: "O(1)",
				},
			},
			{
				Name: "client|kill", Arity: -3, Flags: Admin | NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous", "connection"},
				Doc: Doc{
					Summary: "Closes connections.",
					Since:   "2.4.0", Group: "connection", Complexity: "O(N) for N connections",
					Args: []Arg{
						{Name: "filter", Type: ArgOneOf, Args: []Arg{
							{Name: "ip:port", Type: ArgString, DeprecatedSince: "2.8.12"},
							{Name: "new-format", Type: ArgOneOf, Multiple: true, Args: []Arg{
								{Name: "client-id", Type: ArgInteger, Token: "ID", Since: "2.8.12", Optional: true},
								{Name: "normal_master_slave_pubsub", Type: ArgOneOf, Token: "TYPE", Since: "2.8.12", Optional: true, Args: []Arg{
									{Name: "normal", Type: ArgToken, Token: "NORMAL"},
									{Name: "master", Type: ArgToken, Token: "MASTER", Since: "3.2.0"},
									{Name: "slave", Type: ArgToken, Token: "SLAVE"},
									{Name: "replica", Type: ArgToken, Token: "REPLICA", Since: "5.0.0"},
									{Name: "pubsub", Type: ArgToken, Token: "PUBSUB"},
								}},
								{Name: "username", Type: ArgString, Token: "USER", Optional: true},
								{Name: "ip:port", Type: ArgString, Token: "ADDR", Optional: true},
								{Name: "ip:port", Type: ArgString, Token: "LADDR", Since: "6.2.0", Optional: true},
								{Name: "yes/no", Type: ArgString, Token: "SKIPME", Optional: true},
							}},
						}},
					},
				},
			},
			{
				Name: "client|list", Arity: -2, Flags: Admin | NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous", "connection"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Describes the connections of this node.",
					Since:   "2.4.0", Group: "connection", Complexity: "O(N) for N connections",
					Args: []Arg{
						{Name: "normal_master_replica_pubsub", Type: ArgOneOf, Token: "TYPE", Since: "5.0.0", Optional: true, Args: []Arg{
							{Name: "normal", Type: ArgToken, Token: "NORMAL"},
							{Name: "master", Type: ArgToken, Token: "MASTER"},
							{Name: "replica", Type: ArgToken, Token: "REPLICA"},
							{Name: "pubsub", Type: ArgToken, Token: "PUBSUB"},
						}},
						{Name: "id", Type: ArgBlock, Token: "ID", Since: "6.2.0", Optional: true, Args: []Arg{
							{Name: "client-id", Type: ArgInteger, Multiple: true},
						}},
					},
				},
			},
			{
				Name: "client|no-evict", Arity: 3, Flags: Admin | NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"admin", "slow", "dangerous", "connection"},
				Doc: Doc{
					Summary: "Keeps this connection from being closed to save memory.",
					Since:   "7.0.0", Group: "connection", Complexity: "O(1)",
					Args: []Arg{
						{Name: "enabled", Type: ArgOneOf, Args: []Arg{
							{Name: "on", Type: ArgToken, Token: "ON"},
							{Name: "off", Type: ArgToken, Token: "OFF"},
						}},
					},
				},
			},
			{
				Name: "client|reply", Arity: 3, Flags: NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Turns the replies to this connection on and off.",
					Since:   "3.2.0", Group: "connection", Complexity: "O(1)",
					Args: []Arg{
						{Name: "on_off_skip", Type: ArgOneOf, Args: []Arg{
							{Name: "on", Type: ArgToken, Token: "ON"},
							{Name: "off", Type: ArgToken, Token: "OFF"},
							{Name: "skip", Type: ArgToken, Token: "SKIP"},
						}},
					},
				},
			},
			{
				Name: "client|setinfo", Arity: 4, Flags: NoScript | Loading | Stale, // Redis 7.2
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"connection", "slow"},
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Doc: Doc{
					Summary: "Tells the name and version of the client's library.",
					Since:   "7.2.0", Group: "connection", Complexity: "O(1)",
					Args: []Arg{
						{Name: "attr", Type: ArgOneOf, Args: []Arg{
							{Name: "libname", Type: ArgString, Token: "LIB-NAME"},
							{Name: "libver", Type: ArgString, Token: "LIB-VER"},
						}},
					},
				},
			},
			{
				Name: "client|setname", Arity: 3, Flags: NoScript | Loading | Stale,
				By: ByConnection, Script: Refused, Exec: InPlace,
				Categories: []string{"slow", "connection"},
				Doc: Doc{
					Summary: "Names this connection.",
					Since:   "2.6.9", Group: "connection", Complexity: "O(1)",
					Args: []Arg{
						{Name: "connection-name", Type: ArgString},
					},
				},
			},
		},
	},
	{
		Name: "echo", Arity: 2, Flags: Loading | Stale | Fast,
		By: ByConnection, Script: FromEntry, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Answers its argument.",
			Since:   "1.0.0", Group: "connection", Complexity: "O(1)",
			Args: []Arg{
				{Name: "message", Type: ArgString},
			},
		},
	},
	{
		Name: "hello", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		By: ByConnection, Script: Refused, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Chooses the protocol version, with credentials and a name if given.",
			Since:   "6.0.0", Group: "connection", Complexity: "O(1)",
			Args: []Arg{
				{Name: "arguments", Type: ArgBlock, Optional: true, Args: []Arg{
					{Name: "protover", Type: ArgInteger},
					{Name: "username_password", Type: ArgBlock, Token: "AUTH", Optional: true, Args: []Arg{
						{Name: "username", Type: ArgString},
						{Name: "password", Type: ArgString},
					}},
					{Name: "clientname", Type: ArgString, Token: "SETNAME", Optional: true},
				}},
			},
		},
	},
	{
		Name: "ping", Arity: -1, Flags: Fast,
		By: ByConnection, Script: FromEntry, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Doc: Doc{
			Summary: "Answers PONG, or its argument.",
			Since:   "1.0.0", Group: "connection", Complexity: "O(1)",
			Args: []Arg{
				{Name: "message", Type: ArgString, Optional: true},
			},
		},
	},
	{
		Name: "quit", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		By: ByConnection, Script: Refused, Exec: AtOnce,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Closes the connection.",
			Since:   "1.0.0", Group: "connection", Complexity: "O(1)",
		},
	},
	{
		Name: "reset", Arity: 1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		By: ByConnection, Script: Refused, Exec: AtOnce,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Puts the connection back to how it began.",
			Since:   "6.2.0", Group: "connection", Complexity: "O(1)",
		},
	},
	{
		Name: "select", Arity: 2, Flags: Loading | Stale | Fast,
		By: ByConnection, Script: FromEntry, Exec: InPlace,
		Categories: []string{"fast", "connection"},
		Doc: Doc{
			Summary: "Chooses the database that the connection works in.",
			Since:   "1.0.0", Group: "connection", Complexity: "O(1)",
			Args: []Arg{
				{Name: "index", Type: ArgInteger},
			},
		},
	},
}
