package command

// The options of strings' rows.
const (
	setCondition  = "condition=[NX | XX]@2.6.12 [GET]@6.2.0"
	setExpiration = "expiration=[EX seconds:int@2.6.12 | PX milliseconds:int@2.6.12 | " +
		"EXAT unix-time-seconds:time@6.2.0 | PXAT unix-time-milliseconds:time@6.2.0 | KEEPTTL@6.0.0]"
	getexExpiration = "expiration=[EX seconds:int | PX milliseconds:int | " +
		"EXAT unix-time-seconds:time | PXAT unix-time-milliseconds:time | PERSIST]"
	lcsOptionsUsage = "[LEN] [IDX] [MINMATCHLEN len:int] [WITHMATCHLEN]"
)

// stringRows are the commands of the string group.
var stringRows = group("string", "string",
	write("append key value", appendCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyInsert)).
		doc("2.0.0", "O(1) amortised", "Adds bytes to the end of a string, which begins empty."),
	write("decr key", decrCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Counts an integer down by 1."),
	write("decrby key decrement:int", decrbyCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Counts an integer down by an amount."),
	read("get key", getCommand, Fast, keyAt(1, KeyRO|KeyAccess)).
		doc("1.0.0", "O(1)", "Reads a string."),
	write("getdel key", getdelCommand, Fast, keyAt(1, KeyRW|KeyAccess|KeyDelete)).
		doc("6.2.0", "O(1)", "Reads a string and removes its key."),
	write("getex key "+getexExpiration, getexCommand, Fast,
		keyAt(1, KeyRW|KeyAccess|KeyUpdate).noted("RW and UPDATE because it changes the TTL")).
		doc("6.2.0", "O(1)", "Reads a string and sets or clears its deadline."),
	read("getrange key start:int end:int", getrangeCommand, 0, keyAt(1, KeyRO|KeyAccess)).
		doc("2.4.0", "O(N) for N bytes returned", "Reads the bytes of a string from one position to another."),
	write("getset key value", getsetCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Replaces a string and answers what it was before.").
		deprecated("6.2.0", "`SET` with the `!GET` argument"),
	write("incr key", incrCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Counts an integer up by 1."),
	write("incrby key increment:int", incrbyCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("1.0.0", "O(1)", "Counts an integer up by an amount."),
	write("incrbyfloat key increment:double", incrbyfloatCommand, DenyOOM|Fast, keyAt(1, KeyRW|KeyAccess|KeyUpdate)).
		doc("2.6.0", "O(1)", "Adds a decimal number to a number kept as a string."),
	read("lcs key1:key key2:key "+lcsOptionsUsage, lcsCommand, 0, keysFrom(1, 1, KeyRO|KeyAccess)).
		doc("7.0.0", "O(N*M) for strings of N and M bytes", "Finds a longest common subsequence of two strings."),
	read("mget key...", mgetCommand, Fast, keysFrom(1, -1, KeyRO|KeyAccess)).
		tips("request_policy:multi_shard").
		doc("1.0.0", "O(N) for N keys", "Reads several strings at once."),
	write("mset key_value=(key value)...", msetCommand, DenyOOM, pairsFrom(1, KeyOW|KeyUpdate)).
		tips("request_policy:multi_shard", "response_policy:all_succeeded").
		doc("1.0.1", "O(N) for N keys", "Writes several strings at once."),
	write("msetnx key_value=(key value)...", msetnxCommand, DenyOOM, pairsFrom(1, KeyOW|KeyInsert)).
		tips("request_policy:multi_shard", "response_policy:agg_min").
		doc("1.0.1", "O(N) for N keys", "Writes several strings at once if none of the keys is there."),
	write("psetex key milliseconds:int value", psetexCommand, DenyOOM, keyAt(1, KeyOW|KeyUpdate)).
		doc("2.6.0", "O(1)", "Writes a string that expires after some milliseconds."),
	write("set key value "+setCondition+" "+setExpiration, setCommand, DenyOOM,
		keyAt(1, KeyRW|KeyAccess|KeyUpdate).varying(setKeyFlags).noted("RW and ACCESS due to the optional `GET` argument")).
		doc("1.0.0", "O(1)", "Writes a string, under conditions and with a deadline if asked to."),
	write("setex key seconds:int value", setexCommand, DenyOOM, keyAt(1, KeyOW|KeyUpdate)).
		doc("2.0.0", "O(1)", "Writes a string that expires after some seconds."),
	write("setnx key value", setnxCommand, DenyOOM|Fast, keyAt(1, KeyOW|KeyInsert)).
		doc("1.0.0", "O(1)", "Writes a string if its key is not there."),
	write("setrange key offset:int value", setrangeCommand, DenyOOM, keyAt(1, KeyRW|KeyUpdate)).
		doc("2.2.0", "O(N) for N bytes of the string", "Overwrites a string from an offset on, padding with zero bytes."),
	read("strlen key", strlenCommand, Fast, keyAt(1, KeyRO)).
		doc("2.2.0", "O(1)", "Counts the bytes of a string."),
	read("substr key start:int end:int", substrCommand, 0, keyAt(1, KeyRO|KeyAccess)).
		doc("1.0.0", "O(N) for N bytes returned", "Reads the bytes of a string from one position to another.").
		deprecated("2.0.0", "`GETRANGE`"),
)
