package command

// genericRows are the commands of the generic group.
var genericRows = []*Command{
	{
		Name: "copy", Arity: -3, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 2, KeyStep: 1,
		Keys: []KeySpec{
			{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1},
			{Flags: KeyOW | KeyUpdate, Begin: 2, Step: 1},
		},
		Categories: []string{"keyspace", "write", "slow"},
		Doc: Doc{
			Summary: "Copies a value to another key or database.",
			Since:   "6.2.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "source", Type: ArgKey},
				{Name: "destination", Type: ArgKey, KeySpec: 1},
				{Name: "destination-db", Type: ArgInteger, Token: "DB", Optional: true},
				{Name: "replace", Type: ArgToken, Token: "REPLACE", Optional: true},
			},
		},
		Run: copyCommand,
	},
	{
		Name: "del", Arity: -2, Flags: Write,
		FirstKey: 1, LastKey: -1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRM | KeyDelete, Begin: 1, Last: -1, Step: 1}},
		Categories: []string{"keyspace", "write", "slow"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Doc: Doc{
			Summary: "Removes keys.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key", Type: ArgKey, Multiple: true},
			},
		},
		Run: delCommand,
	},
	{
		Name: "dump", Arity: 2, Flags: ReadOnly,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "slow"},
		Tips:       []string{"nondeterministic_output"},
		Doc: Doc{
			Summary: "Serialises a value for RESTORE.",
			Since:   "2.6.0", Group: "generic", Complexity: "O(N) for N bytes of the value",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: dumpCommand,
	},
	{
		Name: "exists", Arity: -2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: -1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO, Begin: 1, Last: -1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Doc: Doc{
			Summary: "Counts how many of the keys are there.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key", Type: ArgKey, Multiple: true},
			},
		},
		Run: existsCommand,
	},
	{
		Name: "expire", Arity: -3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Makes a key expire after some seconds.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "seconds", Type: ArgInteger},
				{Name: "condition", Type: ArgOneOf, Since: "7.0.0", Optional: true, Args: []Arg{
					{Name: "nx", Type: ArgToken, Token: "NX"},
					{Name: "xx", Type: ArgToken, Token: "XX"},
					{Name: "gt", Type: ArgToken, Token: "GT"},
					{Name: "lt", Type: ArgToken, Token: "LT"},
				}},
			},
		},
		Run: expireCommand,
	},
	{
		Name: "expireat", Arity: -3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Makes a key expire at a Unix time in seconds.",
			Since:   "1.2.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "unix-time-seconds", Type: ArgUnixTime},
				{Name: "condition", Type: ArgOneOf, Since: "7.0.0", Optional: true, Args: []Arg{
					{Name: "nx", Type: ArgToken, Token: "NX"},
					{Name: "xx", Type: ArgToken, Token: "XX"},
					{Name: "gt", Type: ArgToken, Token: "GT"},
					{Name: "lt", Type: ArgToken, Token: "LT"},
				}},
			},
		},
		Run: expireatCommand,
	},
	{
		Name: "expiretime", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Doc: Doc{
			Summary: "Tells the Unix time in seconds at which a key expires.",
			Since:   "7.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: expiretimeCommand,
	},
	{
		Name: "keys", Arity: 2, Flags: ReadOnly,
		Categories: []string{"keyspace", "read", "slow", "dangerous"},
		Tips:       []string{"request_policy:all_shards", "nondeterministic_output_order"},
		Doc: Doc{
			Summary: "Lists the keys whose names match a pattern.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(N) for N keys of the database",
			Args: []Arg{
				{Name: "pattern", Type: ArgPattern},
			},
		},
		Run: keysCommand,
	},
	{
		Name: "move", Arity: 3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Moves a key to another database.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "db", Type: ArgInteger},
			},
		},
		Run: moveCommand,
	},
	{
		Name: "object", Arity: -2,
		Categories: []string{"slow"},
		Doc: Doc{
			Summary: "Groups the commands that look into a value.",
			Since:   "2.2.3", Group: "generic", Complexity: "That of the sub-command",
		},
		Sub: []*Command{
			{
				Name: "object|encoding", Arity: 3, Flags: ReadOnly,
				FirstKey: 2, LastKey: 2, KeyStep: 1,
				Keys:       []KeySpec{{Flags: KeyRO, Begin: 2, Step: 1}},
				Categories: []string{"keyspace", "read", "slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Names the internal form of a value.",
					Since:   "2.2.3", Group: "generic", Complexity: "O(1)",
					Args: []Arg{
						{Name: "key", Type: ArgKey},
					},
				},
				Run: objectEncodingCommand,
			},
			{
				Name: "object|freq", Arity: 3, Flags: ReadOnly,
				FirstKey: 2, LastKey: 2, KeyStep: 1,
				Keys:       []KeySpec{{Flags: KeyRO, Begin: 2, Step: 1}},
				Categories: []string{"keyspace", "read", "slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells how often a key is used, where that is counted.",
					Since:   "4.0.0", Group: "generic", Complexity: "O(1)",
					Args: []Arg{
						{Name: "key", Type: ArgKey},
					},
				},
				Run: objectFreqCommand,
			},
			{
				Name: "object|help", Arity: 2, Flags: Loading | Stale,
				Categories: []string{"keyspace", "slow"},
				Doc: Doc{
					Summary: "Lists the sub-commands of OBJECT.",
					Since:   "6.2.0", Group: "generic", Complexity: "O(1)",
				},
				Run: objectHelpCommand,
			},
			{
				Name: "object|idletime", Arity: 3, Flags: ReadOnly,
				FirstKey: 2, LastKey: 2, KeyStep: 1,
				Keys:       []KeySpec{{Flags: KeyRO, Begin: 2, Step: 1}},
				Categories: []string{"keyspace", "read", "slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Tells for how many seconds a value has not been written.",
					Since:   "2.2.3", Group: "generic", Complexity: "O(1)",
					Args: []Arg{
						{Name: "key", Type: ArgKey},
					},
				},
				Run: objectIdletimeCommand,
			},
			{
				Name: "object|refcount", Arity: 3, Flags: ReadOnly,
				FirstKey: 2, LastKey: 2, KeyStep: 1,
				Keys:       []KeySpec{{Flags: KeyRO, Begin: 2, Step: 1}},
				Categories: []string{"keyspace", "read", "slow"},
				Tips:       []string{"nondeterministic_output"},
				Doc: Doc{
					Summary: "Counts the references to a value.",
					Since:   "2.2.3", Group: "generic", Complexity: "O(1)",
					Args: []Arg{
						{Name: "key", Type: ArgKey},
					},
				},
				Run: objectRefcountCommand,
			},
		},
	},
	{
		Name: "persist", Arity: 2, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Takes a key's deadline away.",
			Since:   "2.2.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: persistCommand,
	},
	{
		Name: "pexpire", Arity: -3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Makes a key expire after some milliseconds.",
			Since:   "2.6.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "milliseconds", Type: ArgInteger},
				{Name: "condition", Type: ArgOneOf, Since: "7.0.0", Optional: true, Args: []Arg{
					{Name: "nx", Type: ArgToken, Token: "NX"},
					{Name: "xx", Type: ArgToken, Token: "XX"},
					{Name: "gt", Type: ArgToken, Token: "GT"},
					{Name: "lt", Type: ArgToken, Token: "LT"},
				}},
			},
		},
		Run: pexpireCommand,
	},
	{
		Name: "pexpireat", Arity: -3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Makes a key expire at a Unix time in milliseconds.",
			Since:   "2.6.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "unix-time-milliseconds", Type: ArgUnixTime},
				{Name: "condition", Type: ArgOneOf, Since: "7.0.0", Optional: true, Args: []Arg{
					{Name: "nx", Type: ArgToken, Token: "NX"},
					{Name: "xx", Type: ArgToken, Token: "XX"},
					{Name: "gt", Type: ArgToken, Token: "GT"},
					{Name: "lt", Type: ArgToken, Token: "LT"},
				}},
			},
		},
		Run: pexpireatCommand,
	},
	{
		Name: "pexpiretime", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Doc: Doc{
			Summary: "Tells the Unix time in milliseconds at which a key expires.",
			Since:   "7.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: pexpiretimeCommand,
	},
	{
		Name: "pttl", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Tips:       []string{"nondeterministic_output"},
		Doc: Doc{
			Summary: "Tells how many milliseconds a key has left.",
			Since:   "2.6.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: pttlCommand,
	},
	{
		Name: "randomkey", Arity: 1, Flags: ReadOnly,
		Categories: []string{"keyspace", "read", "slow"},
		Tips:       []string{"request_policy:all_shards", "nondeterministic_output"},
		Doc: Doc{
			Summary: "Draws a key of the database.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
		},
		Run: randomkeyCommand,
	},
	{
		Name: "rename", Arity: 3, Flags: Write,
		FirstKey: 1, LastKey: 2, KeyStep: 1,
		Keys: []KeySpec{
			{Flags: KeyRW | KeyAccess | KeyDelete, Begin: 1, Step: 1},
			{Flags: KeyOW | KeyUpdate, Begin: 2, Step: 1},
		},
		Categories: []string{"keyspace", "write", "slow"},
		Doc: Doc{
			Summary: "Gives a value another key, replacing what was there.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "newkey", Type: ArgKey, KeySpec: 1},
			},
		},
		Run: renameCommand,
	},
	{
		Name: "renamenx", Arity: 3, Flags: Write | Fast,
		FirstKey: 1, LastKey: 2, KeyStep: 1,
		Keys: []KeySpec{
			{Flags: KeyRW | KeyAccess | KeyDelete, Begin: 1, Step: 1},
			{Flags: KeyOW | KeyInsert, Begin: 2, Step: 1},
		},
		Categories: []string{"keyspace", "write", "fast"},
		Doc: Doc{
			Summary: "Gives a value another key if that key is not there.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "newkey", Type: ArgKey, KeySpec: 1},
			},
		},
		Run: renamenxCommand,
	},
	{
		Name: "restore", Arity: -4, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "write", "slow", "dangerous"},
		Doc: Doc{
			Summary: "Makes a key from what DUMP has serialised.",
			Since:   "2.6.0", Group: "generic", Complexity: "O(N) for N bytes of the value",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "ttl", Type: ArgInteger},
				{Name: "serialized-value", Type: ArgString},
				{Name: "replace", Type: ArgToken, Token: "REPLACE", Since: "3.0.0", Optional: true},
				{Name: "absttl", Type: ArgToken, Token: "ABSTTL", Since: "5.0.0", Optional: true},
				{Name: "seconds", Type: ArgInteger, Token: "IDLETIME", Since: "5.0.0", Optional: true},
				{Name: "frequency", Type: ArgInteger, Token: "FREQ", Since: "5.0.0", Optional: true},
			},
		},
		Run: restoreCommand,
	},
	{
		Name: "scan", Arity: -2, Flags: ReadOnly,
		Categories: []string{"keyspace", "read", "slow"},
		Tips:       []string{"nondeterministic_output", "request_policy:special"},
		Doc: Doc{
			Summary: "Walks the keys of the database in steps.",
			Since:   "2.8.0", Group: "generic", Complexity: "O(1) a step, O(N) for a walk over N keys",
			Args: []Arg{
				{Name: "cursor", Type: ArgInteger},
				{Name: "pattern", Type: ArgPattern, Token: "MATCH", Optional: true},
				{Name: "count", Type: ArgInteger, Token: "COUNT", Optional: true},
				{Name: "type", Type: ArgString, Token: "TYPE", Since: "6.0.0", Optional: true},
			},
		},
		Run: scanCommand,
	},
	{
		Name: "touch", Arity: -2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: -1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO, Begin: 1, Last: -1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Doc: Doc{
			Summary: "Counts how many of the keys are there.",
			Since:   "3.2.1", Group: "generic", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key", Type: ArgKey, Multiple: true},
			},
		},
		Run: touchCommand,
	},
	{
		Name: "ttl", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Tips:       []string{"nondeterministic_output"},
		Doc: Doc{
			Summary: "Tells how many seconds a key has left.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: ttlCommand,
	},
	{
		Name: "type", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO, Begin: 1, Step: 1}},
		Categories: []string{"keyspace", "read", "fast"},
		Doc: Doc{
			Summary: "Names the type of a value.",
			Since:   "1.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: typeCommand,
	},
	{
		Name: "unlink", Arity: -2, Flags: Write | Fast,
		FirstKey: 1, LastKey: -1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRM | KeyDelete, Begin: 1, Last: -1, Step: 1}},
		Categories: []string{"keyspace", "write", "fast"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Doc: Doc{
			Summary: "Removes keys.",
			Since:   "4.0.0", Group: "generic", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key", Type: ArgKey, Multiple: true},
			},
		},
		Run: unlinkCommand,
	},
	{
		Name: "wait", Arity: 3, Flags: NoScript, Waits: true,
		By: ByNode, Script: Refused, Exec: NoTimeLeft,
		Categories: []string{"slow", "connection"},
		Tips:       []string{"request_policy:all_shards", "response_policy:agg_min"},
		Doc: Doc{
			Summary: "Waits until nodes have stored this connection's writes.",
			Since:   "3.0.0", Group: "generic", Complexity: "O(1)",
			Args: []Arg{
				{Name: "numreplicas", Type: ArgInteger},
				{Name: "timeout", Type: ArgInteger},
			},
		},
	},
}
