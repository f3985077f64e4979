package setting

import "strings"

// Scope says who keeps a setting.
type Scope uint8

// The scopes.
const (
	Replicated Scope = iota // state of the machine, changed through the log
	Node                    // kept by each node for itself
	Fixed                   // a fact about Kvorum; cannot be changed
)

// Kind is the type of a setting's value.
type Kind uint8

// The kinds.
const (
	Text         Kind = iota // any bytes
	Bool                     // yes or no
	Integer                  // a decimal number from Min to Max
	Memory                   // a number of bytes from Min to Max, with an optional unit
	Word                     // one of Words
	Percentiles              // numbers from 0 to 100
	BufferLimits             // class, hard bytes, soft bytes, soft seconds; any number of times
)

// Row is one setting.
type Row struct {
	Name      string // lower case
	Scope     Scope
	Kind      Kind
	Default   string // canonical
	Min, Max  int64  // Integer and Memory
	Words     []string
	Immutable bool // a Node setting that only the node's start can set: CONFIG SET refuses it
	Secret    bool // must not be logged

	// Why says why CONFIG SET does not change the setting although Redis would.
	Why string
}

// ProtoMaxBulkLen is the only setting that commands read while they are applied.
const ProtoMaxBulkLen = "proto-max-bulk-len"

// RemoveDeadAfter is the number of seconds for which a server may be unreachable before the leader
// removes it; 0: for ever.
const RemoveDeadAfter = "remove-dead-after"

// LatencyPercentiles are the percentiles that INFO latencystats shows.
const LatencyPercentiles = "latency-tracking-info-percentiles"

// UpgradeHold says whether this node's operator puts the raise of the machine's version on hold.
const UpgradeHold = "upgrade-hold"

// Table lists all settings, ordered by name. Nothing may change it.
var Table = []Row{
	{Name: "appendfsync", Scope: Fixed, Kind: Word, Default: "always", Words: []string{"everysec", "always", "no"},
		Why: "a write is on the disks of a majority before it is answered, and nothing less can be chosen"},
	{Name: "appendonly", Scope: Fixed, Kind: Bool, Default: "yes",
		Why: "every write goes through the log on disk, and nothing less can be chosen"},
	{Name: "bind", Scope: Node, Kind: Text, Immutable: true,
		Why: "where clients connect is told at start: --listen"},
	{Name: "client-output-buffer-limit", Scope: Node, Kind: BufferLimits,
		Default: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
	{Name: "client-query-buffer-limit", Scope: Node, Kind: Memory, Default: "1073741824", Min: 1 << 20, Max: 1<<63 - 1},
	{Name: "cluster-enabled", Scope: Fixed, Kind: Bool, Default: "yes"}, // CLUSTER works whether or not clients are redirected
	{Name: "daemonize", Scope: Fixed, Kind: Bool, Default: "no"},
	{Name: "databases", Scope: Fixed, Kind: Integer, Default: "16", Min: 1, Max: 1<<31 - 1},
	{Name: "dir", Scope: Node, Kind: Text, Immutable: true,
		Why: "the data directory is told at start: --data"},
	{Name: "enable-debug-command", Scope: Node, Kind: Word, Default: "no", Words: []string{"no", "yes", "local"}, Immutable: true},
	{Name: "enable-module-command", Scope: Fixed, Kind: Word, Default: "no", Words: []string{"no", "yes", "local"}},
	{Name: "latency-tracking", Scope: Node, Kind: Bool, Default: "yes"},
	{Name: LatencyPercentiles, Scope: Node, Kind: Percentiles, Default: "50 99 99.9"},
	{Name: "logfile", Scope: Fixed, Kind: Text}, // logs go to standard error
	{Name: "loglevel", Scope: Node, Kind: Word, Default: "notice", Words: []string{"debug", "verbose", "notice", "warning"}},
	{Name: "maxclients", Scope: Node, Kind: Integer, Default: "10000", Min: 1, Max: 1<<32 - 1},
	{Name: "maxmemory", Scope: Fixed, Kind: Memory, Default: "0", Max: 1<<63 - 1,
		Why: "a bound of memory is not yet supported by Kvorum"},
	{Name: "maxmemory-policy", Scope: Fixed, Kind: Word, Default: "noeviction", Words: []string{
		"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
		"allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"},
		Why: "eviction is not yet supported by Kvorum"},
	{Name: "never-lead", Scope: Node, Kind: Bool, Default: "no"},
	{Name: "notify-keyspace-events", Scope: Fixed, Kind: Text,
		Why: "keyspace notifications are not yet supported by Kvorum"},
	{Name: "port", Scope: Node, Kind: Integer, Default: "6379", Max: 65535, Immutable: true,
		Why: "where clients connect is told at start: --listen"},
	{Name: "protected-mode", Scope: Fixed, Kind: Bool, Default: "no",
		Why: "Kvorum has no protected mode: choose the address with --listen, and set requirepass"},
	{Name: ProtoMaxBulkLen, Scope: Replicated, Kind: Memory, Default: "536870912", Min: 1 << 20, Max: 512 << 20},
	{Name: "rdbchecksum", Scope: Fixed, Kind: Bool, Default: "yes"},
	{Name: RemoveDeadAfter, Scope: Replicated, Kind: Integer, Default: "0", Max: 1<<31 - 1},
	{Name: "requirepass", Scope: Node, Kind: Text, Secret: true},
	{Name: "save", Scope: Fixed, Kind: Text,
		Why: "snapshots follow the growth of the log, not a schedule; SAVE and BGSAVE take one now"},
	{Name: "stale-read-max", Scope: Node, Kind: Integer, Default: "0", Max: 1<<31 - 1}, // milliseconds, of READONLY; 0: any age
	{Name: "tcp-keepalive", Scope: Node, Kind: Integer, Default: "300", Max: 1<<31 - 1},
	{Name: "timeout", Scope: Node, Kind: Integer, Default: "0", Max: 1<<31 - 1},
	{Name: UpgradeHold, Scope: Node, Kind: Bool, Default: "no"}, // it survives restarts
}

// Find returns the row with a name, ignoring case, or nil.
func Find(name string) *Row {
	for i := range Table {
		if strings.EqualFold(Table[i].Name, name) {
			return &Table[i]
		}
	}
	return nil
}
