package command

import "strings"

// notYet are the names that Redis 7.0.15 lists in COMMAND LIST and that Kvorum
// does not support yet. The list only shrinks.
var notYet = pendingNames(`
acl bgrewriteaof bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop
brpoplpush bzmpop bzpopmax bzpopmin discard eval eval_ro evalsha evalsha_ro exec fcall
fcall_ro function geoadd geodist geohash geopos georadius georadius_ro georadiusbymember
georadiusbymember_ro geosearch geosearchstore getbit hdel hexists hget hgetall hincrby hincrbyfloat
hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals latency lindex linsert llen lmove
lmpop lolwut lpop lpos lpush lpushx lrange lrem lset ltrim migrate module multi pfadd
pfcount pfdebug pfmerge pfselftest psubscribe psync publish pubsub punsubscribe
replconf restore-asking rpop rpoplpush rpush rpushx sadd scard script sdiff sdiffstore
setbit sinter sintercard sinterstore sismember slowlog smembers smismember smove sort
sort_ro spop spublish srandmember srem sscan ssubscribe subscribe sunion sunionstore sunsubscribe
sync unsubscribe unwatch watch xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange
xread xreadgroup xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard
zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore
zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex
zrevrangebyscore zrevrank zscan zscore zunion zunionstore

acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save
acl|setuser acl|users acl|whoami
client|caching client|getredir client|pause client|tracking client|trackinginfo client|unblock
client|unpause
cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|count-failure-reports
cluster|delslots cluster|delslotsrange cluster|flushslots
cluster|replicate
cluster|saveconfig cluster|set-config-epoch cluster|setslot
config|rewrite
function|delete function|dump function|flush function|help function|kill function|list function|load
function|restore function|stats
latency|doctor latency|graph latency|help latency|histogram latency|history latency|latest
latency|reset
memory|doctor memory|malloc-stats memory|purge memory|stats
module|help module|list module|load module|loadex module|unload
pubsub|channels pubsub|help pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub
script|debug script|exists script|flush script|help script|kill script|load
slowlog|get slowlog|help slowlog|len slowlog|reset
xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|help xgroup|setid
xinfo|consumers xinfo|groups xinfo|help xinfo|stream
`)

func pendingNames(list string) map[string]bool {
	names := make(map[string]bool)
	for _, name := range strings.Fields(list) {
		names[name] = true
	}
	return names
}
