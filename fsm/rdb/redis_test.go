package rdb_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/fsm/rdb"
	"github.com/kvorum/kvorum/internal/oracle"
)

// startRedis starts a real redis-server in a directory, which may hold a dump.rdb.
func startRedis(t *testing.T, dir string) *redis.Client {
	t.Helper()
	server := oracle.Start(t, oracle.Options{Dir: dir})
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { client.Close() })
	return client
}

// texts returns strings of every shape that the string encodings distinguish.
func texts() []string {
	random := rand.New(rand.NewPCG(3, 4))
	words := []string{"", "a", "0", "-0", "007", "+1", " 1", "1 ", "1e3", "-", "\x00", "\r\n"}
	for _, n := range []int64{1, 7, 127, 128, 129, 255, 256, 32767, 32768, 32769, 65536, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 + 5, 1<<63 - 1} {
		words = append(words, strconv.FormatInt(n, 10), strconv.FormatInt(-n, 10))
	}
	words = append(words, "-9223372036854775808", "9223372036854775808")
	for n := range 120 {
		words = append(words, strings.Repeat("a", n), strings.Repeat("ab", n/2), strings.Repeat("abcdefg", n/7))
	}
	for _, n := range []int{60, 63, 64, 65, 255, 264, 265, 266, 267, 268, 300, 1000, 8190, 8191, 8192, 8193, 16383, 16384, 20000, 70000} {
		words = append(words, strings.Repeat("x", n), strings.Repeat("the quick brown fox ", n/20))
	}
	for range 1500 { // of few letters, so that copies of all lengths and distances occur
		text := make([]byte, random.IntN(1<<random.IntN(15)))
		letters := 1 + random.IntN(1<<random.IntN(9))
		for i := range text {
			if text[i] = byte(random.IntN(letters)); i > 0 && random.IntN(3) > 0 {
				text[i] = text[random.IntN(i)]
			}
			if back := 1 + random.IntN(9000); i > back+5 && random.IntN(4) == 0 {
				copy(text[i-4:], text[i-back-4:i-back])
			}
		}
		words = append(words, string(text))
	}
	return words
}

// TestDumpPayloadsEqualRedis: byte for byte, and both sides restore the other's.
func TestDumpPayloadsEqualRedis(t *testing.T) {
	client := startRedis(t, t.TempDir())
	ctx := t.Context()
	different := 0
	for i, text := range texts() {
		key := "k" + strconv.Itoa(i)
		ours := rdb.AppendDump(nil, []byte(text))
		if err := client.Set(ctx, key, text, 0).Err(); err != nil {
			t.Fatal(err)
		}
		theirs, err := client.Dump(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		if theirs != string(ours) {
			if different++; different <= 3 {
				t.Errorf("%d bytes, %.40q: the payload of %d bytes differs from Redis's of %d", len(text), text, len(ours), len(theirs))
			}
		}
		if got, err := rdb.ParseDump([]byte(theirs), math.MaxInt64); err != nil || string(got) != text {
			t.Fatalf("%.40q: Redis's payload reads as %.40q, %v", text, got, err)
		}
		if err := client.RestoreReplace(ctx, "r", 0, string(ours)).Err(); err != nil {
			t.Fatalf("%.40q: Redis refuses our payload: %v", text, err)
		}
		if got := client.Get(ctx, "r").Val(); got != text {
			t.Fatalf("%.40q: Redis restores our payload as %.40q", text, got)
		}
	}
	if different > 0 {
		t.Errorf("%d of %d payloads differ", different, len(texts()))
	}
}

// TestRedisLoadsWhatTheWriterWrites starts a redis-server on a file of ours:
// strings of all shapes, deadlines, and auxiliary fields that it must ignore.
func TestRedisLoadsWhatTheWriterWrites(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	far := time.Now().Add(time.Hour).UnixMilli()
	w := rdb.NewWriter(file)
	w.Aux("redis-ver", []byte("7.0.15"))
	w.Aux("kvorum-sessions", bytes.Repeat([]byte{0xFF, 0}, 100_000))
	all := texts()
	for _, db := range []int{0, 15} {
		w.Database(db, len(all), len(all)/2)
		for i, text := range all {
			deadline := int64(0)
			if i%2 == 1 {
				deadline = far + int64(i)
			}
			w.String("k"+strconv.Itoa(i), []byte(text), deadline,
				rdb.Field{Name: "a", Value: []byte("12345")}, rdb.Field{Name: "e", Value: []byte{0, 0xFE}})
		}
		w.String("past", []byte("x"), 1)
		w.String(strings.Repeat("long", 100_000), bytes.Repeat([]byte("y"), 1<<20), 0)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	client, ctx := startRedis(t, dir), t.Context()
	for _, db := range []int{0, 15} {
		conn := client.Conn()
		if err := conn.Select(ctx, db).Err(); err != nil {
			t.Fatal(err)
		}
		for i, text := range all {
			key := "k" + strconv.Itoa(i)
			if got, err := conn.Get(ctx, key).Result(); err != nil || got != text {
				t.Fatalf("database %d, %s: Redis has %.40q for %.40q, %v", db, key, got, text, err)
			}
			want := int64(-1)
			if i%2 == 1 {
				want = far + int64(i)
			}
			if got, err := conn.Do(ctx, "pexpiretime", key).Int64(); err != nil || got != want {
				t.Fatalf("%s: the deadline is %d, want %d, %v", key, got, want, err)
			}
		}
		if n := conn.DBSize(ctx).Val(); n != int64(len(all)+1) { // Redis drops the one that is past
			t.Errorf("database %d has %d keys, want %d", db, n, len(all)+1)
		}
		if n := conn.StrLen(ctx, strings.Repeat("long", 100_000)).Val(); n != 1<<20 {
			t.Errorf("the long value has %d bytes", n)
		}
		conn.Close()
	}
}

// saved lets a Redis save and returns the events of its file.
func saved(t *testing.T, client *redis.Client, dir string) ([]rdb.Event, error) {
	t.Helper()
	if err := client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return read(file)
}

// TestTheReaderReadsWhatRedisSaves, with the attributes of each eviction policy.
func TestTheReaderReadsWhatRedisSaves(t *testing.T) {
	dir := t.TempDir()
	client, ctx := startRedis(t, dir), t.Context()
	all := texts()
	far := time.Now().Add(time.Hour).UnixMilli()
	for i, text := range all {
		key := "k" + strconv.Itoa(i)
		if err := client.Set(ctx, key, text, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			client.PExpireAt(ctx, key, time.UnixMilli(far+int64(i)))
		}
	}
	for _, policy := range []string{"noeviction", "allkeys-lru", "allkeys-lfu"} {
		if err := client.ConfigSet(ctx, "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
		events, err := saved(t, client, dir)
		if err != nil {
			t.Fatalf("%s: %v", policy, err)
		}
		objects, fields := 0, map[string]string{}
		for _, e := range events {
			switch e.Kind {
			case rdb.Aux:
				fields[e.Key] = string(e.Value)
			case rdb.Size:
				if e.Objects != uint64(len(all)) || e.Deadlines != uint64(len(all)/2) {
					t.Errorf("%s: %d objects and %d deadlines", policy, e.Objects, e.Deadlines)
				}
			case rdb.String:
				objects++
				i, err := strconv.Atoi(e.Key[1:])
				if err != nil || string(e.Value) != all[i] || e.DB != 0 {
					t.Fatalf("%s: %q holds %.40q", policy, e.Key, e.Value)
				}
				if i%2 == 1 && e.DeadlineMS != far+int64(i) || i%2 == 0 && e.DeadlineMS != 0 {
					t.Fatalf("%s: the deadline of %q is %d", policy, e.Key, e.DeadlineMS)
				}
				if (e.IdleS >= 0) != (policy == "allkeys-lru") || (e.Freq >= 0) != (policy == "allkeys-lfu") {
					t.Fatalf("%s: idle %d, frequency %d", policy, e.IdleS, e.Freq)
				}
			}
		}
		if objects != len(all) || fields["redis-ver"] != "7.0.15" || events[len(events)-1].Kind != rdb.End {
			t.Fatalf("%s: %d objects of %d, fields %v", policy, objects, len(all), fields)
		}
	}
}

// TestWhatIsNotYetSupportedIsNamed: files and payloads of Redis with other
// types, with functions, and without a checksum.
func TestWhatIsNotYetSupportedIsNamed(t *testing.T) {
	dir := t.TempDir()
	client, ctx := startRedis(t, dir), t.Context()
	for _, c := range []struct{ command, name string }{
		{"RPUSH k a", "a list"},
		{"SADD k 1 2", "a set"},
		{"SADD k a b", "a set"},
		{"ZADD k 1 a", "a sorted set"},
		{"HSET k f v", "a hash"},
		{"XADD k 1-1 f v", "a stream"},
	} {
		client.FlushAll(ctx)
		var args []any
		for _, word := range strings.Fields(c.command) {
			args = append(args, word)
		}
		if err := client.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
		var unsupported *rdb.UnsupportedError
		if _, err := saved(t, client, dir); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s in a file: %v", c.command, err)
		}
		payload := client.Dump(ctx, "k").Val()
		if _, err := rdb.ParseDump([]byte(payload), math.MaxInt64); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s in a payload: %v", c.command, err)
		}
	}
	client.FlushAll(ctx)
	client.FunctionLoad(ctx, "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	if _, err := saved(t, client, dir); err == nil || !strings.Contains(err.Error(), "functions") {
		t.Errorf("a file with functions: %v", err)
	}
	client.FunctionFlush(ctx)
	if _, err := saved(t, client, dir); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}
