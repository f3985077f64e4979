package command

// expireCondition describes the argument with which EXPIRE and its kin are asked to look at a
// condition first.
const expireCondition = "condition=[NX | XX | GT | LT]@7.0.0"

// keyRows are the commands of the generic group: those on keys of any type.
var keyRows = group("generic", "keyspace",
	write("copy source:key destination:key [DB destination-db:int] [REPLACE]", copyCommand, DenyOOM,
		keyAt(1, KeyRO|KeyAccess), keyAt(2, KeyOW|KeyUpdate)).
		doc("6.2.0", "O(1)", "Copies a value to another key or database."),
	write("del key...", delCommand, 0, keysFrom(1, -1, KeyRM|KeyDelete)).
		tips("request_policy:multi_shard", "response_policy:agg_sum").
		doc("1.0.0", "O(N) for N keys", "Removes keys."),
	read("dump key", dumpCommand, 0, keyAt(1, KeyRO|KeyAccess)).
		tips("nondeterministic_output").
		doc("2.6.0", "O(N) for N bytes of the value", "Serialises a value for RESTORE."),
	read("exists key...", existsCommand, Fast, keysFrom(1, -1, KeyRO)).
		tips("request_policy:multi_shard", "response_policy:agg_sum").
		doc("1.0.0", "O(N) for N keys", "Counts how many of the keys are there."),
	write("expire key seconds:int "+expireCondition, expireCommand, Fast, keyAt(1, KeyRW|KeyUpdate)).
		doc("1.0.0", "O(1)", "Makes a key expire after some seconds."),
	write("expireat key unix-time-seconds:time "+expireCondition, expireatCommand, Fast, keyAt(1, KeyRW|KeyUpdate)).
		doc("1.2.0", "O(1)", "Makes a key expire at a Unix time in seconds."),
	read("expiretime key", expiretimeCommand, Fast, keyAt(1, KeyRO|KeyAccess)).
		doc("7.0.0", "O(1)", "Tells the Unix time in seconds at which a key expires."),
	read("keys pattern:pattern", keysCommand, 0).in("keyspace", "dangerous").
		tips("request_policy:all_shards", "nondeterministic_output_order").
		doc("1.0.0", "O(N) for N keys of the database", "Lists the keys whose names match a pattern."),
	write("move key db:int", moveCommand, Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Moves a key to another database."),
	container("object", "2.2.3", "Groups the commands that look into a value.",
		read("object|encoding key", objectEncodingCommand, 0, keyAt(2, KeyRO)).
			tips("nondeterministic_output").
			doc("2.2.3", "O(1)", "Names the internal form of a value."),
		read("object|freq key", objectFreqCommand, 0, keyAt(2, KeyRO)).
			tips("nondeterministic_output").
			doc("4.0.0", "O(1)", "Tells how often a key is used, where that is counted."),
		gated("object|help", objectHelpCommand, Loading|Stale).
			doc("6.2.0", "O(1)", "Lists the sub-commands of OBJECT."),
		read("object|idletime key", objectIdletimeCommand, 0, keyAt(2, KeyRO)).
			tips("nondeterministic_output").
			doc("2.2.3", "O(1)", "Tells for how many seconds a value has not been written."),
		read("object|refcount key", objectRefcountCommand, 0, keyAt(2, KeyRO)).
			tips("nondeterministic_output").
			doc("2.2.3", "O(1)", "Counts the references to a value."),
	),
	write("persist key", persistCommand, Fast, keyAt(1, KeyRW|KeyUpdate)).
		doc("2.2.0", "O(1)", "Takes a key's deadline away."),
	write("pexpire key milliseconds:int "+expireCondition, pexpireCommand, Fast, keyAt(1, KeyRW|KeyUpdate)).
		doc("2.6.0", "O(1)", "Makes a key expire after some milliseconds."),
	write("pexpireat key unix-time-milliseconds:time "+expireCondition, pexpireatCommand, Fast, keyAt(1, KeyRW|KeyUpdate)).
		doc("2.6.0", "O(1)", "Makes a key expire at a Unix time in milliseconds."),
	read("pexpiretime key", pexpiretimeCommand, Fast, keyAt(1, KeyRO|KeyAccess)).
		doc("7.0.0", "O(1)", "Tells the Unix time in milliseconds at which a key expires."),
	read("pttl key", pttlCommand, Fast, keyAt(1, KeyRO|KeyAccess)).
		tips("nondeterministic_output").
		doc("2.6.0", "O(1)", "Tells how many milliseconds a key has left."),
	read("randomkey", randomkeyCommand, 0).
		tips("request_policy:all_shards", "nondeterministic_output").
		doc("1.0.0", "O(1)", "Draws a key of the database."),
	write("rename key newkey:key", renameCommand, 0, keyAt(1, KeyRW|KeyAccess|KeyDelete), keyAt(2, KeyOW|KeyUpdate)).
		doc("1.0.0", "O(1)", "Gives a value another key, replacing what was there."),
	write("renamenx key newkey:key", renamenxCommand, Fast, keyAt(1, KeyRW|KeyAccess|KeyDelete), keyAt(2, KeyOW|KeyInsert)).
		doc("1.0.0", "O(1)", "Gives a value another key if that key is not there."),
	write("restore key ttl:int serialized-value [REPLACE]@3.0.0 [ABSTTL]@5.0.0 [IDLETIME seconds:int]@5.0.0 [FREQ frequency:int]@5.0.0",
		restoreCommand, DenyOOM, keyAt(1, KeyOW|KeyUpdate)).in("keyspace", "dangerous").
		doc("2.6.0", "O(N) for N bytes of the value", "Makes a key from what DUMP has serialised."),
	read("scan cursor:int [MATCH pattern:pattern] [COUNT count:int] [TYPE type]@6.0.0", scanCommand, 0).
		tips("nondeterministic_output", "request_policy:special").
		doc("2.8.0", "O(1) a step, O(N) for a walk over N keys", "Walks the keys of the database in steps."),
	read("touch key...", touchCommand, Fast, keysFrom(1, -1, KeyRO)).
		tips("request_policy:multi_shard", "response_policy:agg_sum").
		doc("3.2.1", "O(N) for N keys", "Counts how many of the keys are there."),
	read("ttl key", ttlCommand, Fast, keyAt(1, KeyRO|KeyAccess)).
		tips("nondeterministic_output").
		doc("1.0.0", "O(1)", "Tells how many seconds a key has left."),
	read("type key", typeCommand, Fast, keyAt(1, KeyRO)).
		doc("1.0.0", "O(1)", "Names the type of a value."),
	write("unlink key...", unlinkCommand, Fast, keysFrom(1, -1, KeyRM|KeyDelete)).
		tips("request_policy:multi_shard", "response_policy:agg_sum").
		doc("4.0.0", "O(N) for N keys", "Removes keys."),
	local("wait numreplicas:int timeout:int", byNodeWaiting, NoScript).in("connection").
		tips("request_policy:all_shards", "response_policy:agg_min").
		doc("3.0.0", "O(1)", "Waits until nodes have stored this connection's writes."),
)
