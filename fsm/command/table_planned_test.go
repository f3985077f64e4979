package command

import "github.com/kvorum/kvorum/fsm/reply"

// PlannedRows are rows of commands that are not there yet. They show that the functions that make rows can say what Redis's
// own table says, and stand for kinds of keys that no row of the table has.
func PlannedRows() []*Command {
	const (
		weights = "[WEIGHTS weight:int...] [AGGREGATE aggregate=(SUM | MIN | MAX)]"
		bitOps  = "operation=[GET encoding_offset=(encoding offset:int) | write=([OVERFLOW wrap_sat_fail=(WRAP | SAT | FAIL)] " +
			"write_operation=(SET encoding_offset_value=(encoding offset:int value:int) | " +
			"INCRBY encoding_offset_increment=(encoding offset:int increment:int)))]..."
		nearby = "unit=(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count:int [ANY]@6.2.0] order=[ASC | DESC]"
		trim   = "trim=[strategy=(MAXLEN | MINID@6.2.0) operator=[equal:= | approximately:~] threshold [LIMIT count:int]@6.2.0]"
	)
	rows := [][]*Command{
		group("hash", "hash",
			write("hset key field_value=(field value)...", planned, DenyOOM|Fast, keyAt(1, KeyRW|KeyUpdate)).doc("2.0.0", "", ""),
			read("hrandfield key options=[count:int [WITHVALUES]]", planned, 0, keyAt(1, KeyRO|KeyAccess)).
				tips("nondeterministic_output").doc("6.2.0", "", ""),
		),
		group("list", "list",
			write("lmpop numkeys:int key... where=(LEFT | RIGHT) [COUNT count:int]", planned, 0, countedAt(1, KeyRW|KeyAccess|KeyDelete)).
				doc("7.0.0", "", ""),
			write("blpop key... timeout:double", planned, NoScript|Blocking, keysFrom(1, -2, KeyRW|KeyAccess|KeyDelete)).doc("2.0.0", "", ""),
		),
		group("sorted-set", "sortedset",
			write("zadd key condition=[NX | XX]@3.0.2 comparison=[GT | LT]@6.2.0 [change:CH]@3.0.2 [increment:INCR]@3.0.2 "+
				"score_member=(score:double member)...", planned, DenyOOM|Fast, keyAt(1, KeyRW|KeyUpdate)).doc("1.2.0", "", ""),
			write("zunionstore destination:key numkeys:int key... "+weights, planned, DenyOOM,
				keyAt(1, KeyOW|KeyUpdate), countedAt(2, KeyRO|KeyAccess)).doc("2.0.0", "", ""),
			read("zunion numkeys:int key... "+weights+" [WITHSCORES]", planned, 0, countedAt(1, KeyRO|KeyAccess)).doc("6.2.0", "", ""),
		),
		group("stream", "stream",
			write("xadd key [NOMKSTREAM]@6.2.0 "+trim+" id_or_auto=(auto_id:* | id) field_value=(field value)...", planned, DenyOOM|Fast,
				keyAt(1, KeyRW|KeyUpdate).noted("UPDATE instead of INSERT because of the optional trimming feature")).
				tips("nondeterministic_output").doc("5.0.0", "", ""),
			write("xreadgroup GROUP group_consumer=(group consumer) [COUNT count:int] [BLOCK milliseconds:int] [NOACK] "+
				"STREAMS streams=(key... id...)", planned, Blocking, halfAfter("STREAMS", 4, KeyRO|KeyAccess)).doc("5.0.0", "", ""),
		),
		group("scripting", "scripting",
			local("eval script numkeys:int [key...] [arg...]", byConnection, NoScript|Stale|SkipMonitor|NoMandatoryKeys,
				countedAt(2, KeyRW|KeyAccess|KeyUpdate).
					noted("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")).doc("2.6.0", "", ""),
			read("eval_ro script numkeys:int [key...] [arg...]", planned, NoScript|Stale|SkipMonitor|NoMandatoryKeys,
				countedAt(2, KeyRO|KeyAccess).noted("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")).
				doc("7.0.0", "", ""),
		),
		group("generic", "keyspace",
			write("sort key [BY pattern:pattern2] [LIMIT offset_count=(offset:int count:int)] [GET pattern:pattern2]... order=[ASC | DESC] "+
				"[sorting:ALPHA] [STORE destination:key3]", planned, DenyOOM, keyAt(1, KeyRO|KeyAccess),
				hidden(KeyRO|KeyAccess).noted("For the optional BY/GET keyword. It is marked 'unknown' because the key "+
					"names derive from the content of the key we sort"),
				hidden(KeyOW|KeyUpdate).foundBy(storeOfSort).noted("For the optional STORE keyword. It is marked 'unknown' because "+
					"the keyword can appear anywhere in the argument array")).
				in("set", "sortedset", "list", "dangerous").doc("1.0.0", "", ""),
			write("migrate host port:int key_or_empty_string=(key | empty_string:\"\") destination-db:int timeout:int [COPY]@3.0.0 "+
				"[REPLACE]@3.0.0 authentication=[[AUTH password]@4.0.7 | [AUTH2 username_password=(username password)]@6.0.0] "+
				"[KEYS key...]@3.0.6", planned, 0, keyAt(3, KeyRW|KeyAccess|KeyDelete).foundBy(oneOfMigrate),
				migrateKeys()).in("keyspace", "dangerous").tips("nondeterministic_output").doc("2.6.0", "", ""),
		),
		group("bitmap", "bitmap",
			write("bitfield key "+bitOps, planned, DenyOOM, keyAt(1, KeyRW|KeyAccess|KeyUpdate).varying(bitfieldKeyFlags).
				noted("This command allows both access and modification of the key")).doc("3.2.0", "", ""),
			write("bitop operation destkey:key key...", planned, DenyOOM, keyAt(2, KeyOW|KeyUpdate), keysFrom(3, -1, KeyRO|KeyAccess)).
				doc("2.6.0", "", ""),
		),
		group("geo", "geo",
			write("georadius key longitude:double latitude:double radius:double "+nearby+" [STORE key] [STOREDIST key]", planned, DenyOOM,
				keyAt(1, KeyRO|KeyAccess), keyAfter("STORE", 6, KeyOW|KeyUpdate), keyAfter("STOREDIST", 6, KeyOW|KeyUpdate)).
				doc("3.2.0", "", "").deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
		),
		group("pubsub", "pubsub",
			local("spublish shardchannel message", byNode, PubSub|Loading|Stale|Fast, keyAt(1, KeyNotKey)).
				doc("7.0.0", "", ""),
		),
	}
	var all []*Command
	for _, group := range rows {
		all = append(all, group...)
	}
	for _, row := range all {
		row.tell()
	}
	return all
}

// planned stands for the function of a row that is none yet.
func planned(*Context) reply.Value { return reply.Value{} }

// bitfieldKeyFlags tells a BITFIELD that only reads.
func bitfieldKeyFlags([][]byte) KeyFlags { return KeyRO | KeyAccess }

// oneOfMigrate finds MIGRATE's third argument, unless keys follow behind KEYS.
func oneOfMigrate(args [][]byte) []int {
	if len(args[3]) == 0 {
		return nil
	}
	return []int{3}
}

// storeOfSort finds the key behind SORT's last STORE.
func storeOfSort(args [][]byte) []int {
	for i := len(args) - 2; i >= 2; i-- {
		if is(args[i], "store") {
			return []int{i + 1}
		}
	}
	return nil
}

// migrateKeys are MIGRATE's keys behind a word that is searched from the end.
func migrateKeys() KeySpec {
	k := keysFrom(-2, -1, KeyRW|KeyAccess|KeyDelete|KeyIncomplete)
	k.Keyword = "KEYS"
	return k
}

// Told returns what COMMAND INFO and COMMAND DOCS tell of a row that stands in no table.
func Told(row *Command) (info, docs reply.Value) { return row.told.info, row.told.docs }

// KeysReply answers COMMAND GETKEYS for a row that stands in no table.
func KeysReply(row *Command, args [][]byte) reply.Value { return row.keysReply(args, false) }
