package command

// stringRows are the commands of the string group.
var stringRows = []*Command{
	{
		Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyInsert, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Adds bytes to the end of a string, which begins empty.",
			Since:   "2.0.0", Group: "string", Complexity: "O(1) amortised",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "value", Type: ArgString},
			},
		},
		Run: appendCommand,
	},
	{
		Name: "decr", Arity: 2, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Counts an integer down by 1.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: decrCommand,
	},
	{
		Name: "decrby", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Counts an integer down by an amount.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "decrement", Type: ArgInteger},
			},
		},
		Run: decrbyCommand,
	},
	{
		Name: "get", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"read", "string", "fast"},
		Doc: Doc{
			Summary: "Reads a string.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: getCommand,
	},
	{
		Name: "getdel", Arity: 2, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyDelete, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Reads a string and removes its key.",
			Since:   "6.2.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: getdelCommand,
	},
	{
		Name: "getex", Arity: -2, Flags: Write | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Notes: "RW and UPDATE because it changes the TTL", Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Reads a string and sets or clears its deadline.",
			Since:   "6.2.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "expiration", Type: ArgOneOf, Optional: true, Args: []Arg{
					{Name: "seconds", Type: ArgInteger, Token: "EX"},
					{Name: "milliseconds", Type: ArgInteger, Token: "PX"},
					{Name: "unix-time-seconds", Type: ArgUnixTime, Token: "EXAT"},
					{Name: "unix-time-milliseconds", Type: ArgUnixTime, Token: "PXAT"},
					{Name: "persist", Type: ArgToken, Token: "PERSIST"},
				}},
			},
		},
		Run: getexCommand,
	},
	{
		Name: "getrange", Arity: 4, Flags: ReadOnly,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"read", "string", "slow"},
		Doc: Doc{
			Summary: "Reads the bytes of a string from one position to another.",
			Since:   "2.4.0", Group: "string", Complexity: "O(N) for N bytes returned",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "start", Type: ArgInteger},
				{Name: "end", Type: ArgInteger},
			},
		},
		Run: getrangeCommand,
	},
	{
		Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Replaces a string and answers what it was before.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Flags:           []string{"deprecated"},
			DeprecatedSince: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "value", Type: ArgString},
			},
		},
		Run: getsetCommand,
	},
	{
		Name: "incr", Arity: 2, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Counts an integer up by 1.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: incrCommand,
	},
	{
		Name: "incrby", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Counts an integer up by an amount.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "increment", Type: ArgInteger},
			},
		},
		Run: incrbyCommand,
	},
	{
		Name: "incrbyfloat", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Adds a decimal number to a number kept as a string.",
			Since:   "2.6.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "increment", Type: ArgDouble},
			},
		},
		Run: incrbyfloatCommand,
	},
	{
		Name: "lcs", Arity: -3, Flags: ReadOnly,
		FirstKey: 1, LastKey: 2, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Last: 1, Step: 1}},
		Categories: []string{"read", "string", "slow"},
		Doc: Doc{
			Summary: "Finds a longest common subsequence of two strings.",
			Since:   "7.0.0", Group: "string", Complexity: "O(N*M) for strings of N and M bytes",
			Args: []Arg{
				{Name: "key1", Type: ArgKey},
				{Name: "key2", Type: ArgKey},
				{Name: "len", Type: ArgToken, Token: "LEN", Optional: true},
				{Name: "idx", Type: ArgToken, Token: "IDX", Optional: true},
				{Name: "len", Type: ArgInteger, Token: "MINMATCHLEN", Optional: true},
				{Name: "withmatchlen", Type: ArgToken, Token: "WITHMATCHLEN", Optional: true},
			},
		},
		Run: lcsCommand,
	},
	{
		Name: "mget", Arity: -2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: -1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Last: -1, Step: 1}},
		Categories: []string{"read", "string", "fast"},
		Tips:       []string{"request_policy:multi_shard"},
		Doc: Doc{
			Summary: "Reads several strings at once.",
			Since:   "1.0.0", Group: "string", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key", Type: ArgKey, Multiple: true},
			},
		},
		Run: mgetCommand,
	},
	{
		Name: "mset", Arity: -3, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: -1, KeyStep: 2,
		Keys:       []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, Last: -1, Step: 2}},
		Categories: []string{"write", "string", "slow"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Doc: Doc{
			Summary: "Writes several strings at once.",
			Since:   "1.0.1", Group: "string", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key_value", Type: ArgBlock, Multiple: true, Args: []Arg{
					{Name: "key", Type: ArgKey},
					{Name: "value", Type: ArgString},
				}},
			},
		},
		Run: msetCommand,
	},
	{
		Name: "msetnx", Arity: -3, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: -1, KeyStep: 2,
		Keys:       []KeySpec{{Flags: KeyOW | KeyInsert, Begin: 1, Last: -1, Step: 2}},
		Categories: []string{"write", "string", "slow"},
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_min"},
		Doc: Doc{
			Summary: "Writes several strings at once if none of the keys is there.",
			Since:   "1.0.1", Group: "string", Complexity: "O(N) for N keys",
			Args: []Arg{
				{Name: "key_value", Type: ArgBlock, Multiple: true, Args: []Arg{
					{Name: "key", Type: ArgKey},
					{Name: "value", Type: ArgString},
				}},
			},
		},
		Run: msetnxCommand,
	},
	{
		Name: "psetex", Arity: 4, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "slow"},
		Doc: Doc{
			Summary: "Writes a string that expires after some milliseconds.",
			Since:   "2.6.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "milliseconds", Type: ArgInteger},
				{Name: "value", Type: ArgString},
			},
		},
		Run: psetexCommand,
	},
	{
		Name: "set", Arity: -3, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Notes: "RW and ACCESS due to the optional `GET` argument", Flags: KeyRW | KeyAccess | KeyUpdate | KeyVariable, Begin: 1, Step: 1, vary: setKeyFlags}},
		Categories: []string{"write", "string", "slow"},
		Doc: Doc{
			Summary: "Writes a string, under conditions and with a deadline if asked to.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "value", Type: ArgString},
				{Name: "condition", Type: ArgOneOf, Since: "2.6.12", Optional: true, Args: []Arg{
					{Name: "nx", Type: ArgToken, Token: "NX"},
					{Name: "xx", Type: ArgToken, Token: "XX"},
				}},
				{Name: "get", Type: ArgToken, Token: "GET", Since: "6.2.0", Optional: true},
				{Name: "expiration", Type: ArgOneOf, Optional: true, Args: []Arg{
					{Name: "seconds", Type: ArgInteger, Token: "EX", Since: "2.6.12"},
					{Name: "milliseconds", Type: ArgInteger, Token: "PX", Since: "2.6.12"},
					{Name: "unix-time-seconds", Type: ArgUnixTime, Token: "EXAT", Since: "6.2.0"},
					{Name: "unix-time-milliseconds", Type: ArgUnixTime, Token: "PXAT", Since: "6.2.0"},
					{Name: "keepttl", Type: ArgToken, Token: "KEEPTTL", Since: "6.0.0"},
				}},
			},
		},
		Run: setCommand,
	},
	{
		Name: "setex", Arity: 4, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "slow"},
		Doc: Doc{
			Summary: "Writes a string that expires after some seconds.",
			Since:   "2.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "seconds", Type: ArgInteger},
				{Name: "value", Type: ArgString},
			},
		},
		Run: setexCommand,
	},
	{
		Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyOW | KeyInsert, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "fast"},
		Doc: Doc{
			Summary: "Writes a string if its key is not there.",
			Since:   "1.0.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "value", Type: ArgString},
			},
		},
		Run: setnxCommand,
	},
	{
		Name: "setrange", Arity: 4, Flags: Write | DenyOOM,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRW | KeyUpdate, Begin: 1, Step: 1}},
		Categories: []string{"write", "string", "slow"},
		Doc: Doc{
			Summary: "Overwrites a string from an offset on, padding with zero bytes.",
			Since:   "2.2.0", Group: "string", Complexity: "O(N) for N bytes of the string",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "offset", Type: ArgInteger},
				{Name: "value", Type: ArgString},
			},
		},
		Run: setrangeCommand,
	},
	{
		Name: "strlen", Arity: 2, Flags: ReadOnly | Fast,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO, Begin: 1, Step: 1}},
		Categories: []string{"read", "string", "fast"},
		Doc: Doc{
			Summary: "Counts the bytes of a string.",
			Since:   "2.2.0", Group: "string", Complexity: "O(1)",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
			},
		},
		Run: strlenCommand,
	},
	{
		Name: "substr", Arity: 4, Flags: ReadOnly,
		FirstKey: 1, LastKey: 1, KeyStep: 1,
		Keys:       []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Step: 1}},
		Categories: []string{"read", "string", "slow"},
		Doc: Doc{
			Summary: "Reads the bytes of a string from one position to another.",
			Since:   "1.0.0", Group: "string", Complexity: "O(N) for N bytes returned",
			Flags:           []string{"deprecated"},
			DeprecatedSince: "2.0.0", ReplacedBy: "`GETRANGE`",
			Args: []Arg{
				{Name: "key", Type: ArgKey},
				{Name: "start", Type: ArgInteger},
				{Name: "end", Type: ArgInteger},
			},
		},
		Run: substrCommand,
	},
}
