package command

// flagNames are the names of a row's flags, in the order of their bits.
var flagNames = []string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
	"skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "may_replicate",
	"no_mandatory_keys", "no_multi", "no_async_loading", "allow_busy", "movablekeys",
}

// keyFlagNames are the names of a key specification's flags, in the order of their bits.
var keyFlagNames = []string{
	"RW", "RO", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
}

// argTypeNames are the names of arguments' types.
var argTypeNames = []string{
	"string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block",
}

func (f Flags) names() []string { return bitNames(uint32(f), flagNames) }

func (f KeyFlags) names() []string { return bitNames(uint32(f), keyFlagNames) }

func bitNames(bits uint32, names []string) []string {
	var set []string
	for i, name := range names {
		if bits&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return set
}
