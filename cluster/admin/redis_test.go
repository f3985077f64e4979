package admin

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

func parsed(t *testing.T, v reply.Value, proto int) node {
	t.Helper()
	n, err := readNode(bufio.NewReader(bytes.NewReader(reply.AppendRESP(nil, v, proto))))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTextsAreRediss holds every reply that does not depend on the server's
// own figures against the real server's, byte for byte.
func TestTextsAreRediss(t *testing.T) {
	redis := startRedis(t)
	a := newWorld("n1").admin(t, nil)
	for _, line := range []string{
		"config", "config nosuch", "config get", "config get nosuch", "config get MaxClients maxclients",
		"config get port-like*", "config get save", "config get timeou[t] TIMEOUT",
		"config set", "config set maxclients", "config set maxclients 1 timeout",
		"config set maxclients 1 maxclients 2", "config set MaxClients 1 maxclients 2",
		"config set nosuch 1", "config set maxclients 1000 nosuch 2", "config set maxclients 1 maxclients 2 nosuch 1",
		"config set maxclients abc", "config set maxclients 0", "config set maxclients 99999999999",
		"config set timeout -1", "config set daemonize no", "config set daemonize no timeout x",
		"config set timeout x daemonize no", "config set loglevel loud", "config set proto-max-bulk-len 1xb",
		"config set nosuch 1 maxclients 1 maxclients 1", "config set nosuch x daemonize no", "config set client-output-buffer-limit normal",
		"config set client-output-buffer-limit wrong 1 2 3", "config set timeout 10",
		"config get timeout", "config set timeout 0 maxclients 5000", "config get timeout",
		"config get maxclients", "config set timeout 7 maxclients none", "config get timeout",
		"config set maxclients 10000", "config set proto-max-bulk-len 2mb", "config get proto-max-bulk-len",
		"config set proto-max-bulk-len 536870912",
		"config resetstat", "config resetstat now",
		"wait", "wait 1", "wait x 1", "wait 1 x", "wait 1 -1", "wait x -1", "wait 0 0", "wait -1 10", "wait 1 10",
		"wait +1 10", "wait 01 10",
		"role now", "lastsave now", "save now", "bgsave now", "bgsave schedule now",
		"shutdown maybe", "shutdown save nosave", "shutdown abort", "shutdown abort now", "shutdown now now nosave abort",
		"memory help now", "memory", "memory nosuch", "info nosuch", "info nosuch other",
	} {
		words := strings.Fields(line)
		got, want := parsed(t, do(t, a, words...), 2), redis.do(t, words...)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\n got %v\nwant %v", line, got, want)
		}
	}
}

// TestDebugIsAnsweredAsByRedis compares what an enabled DEBUG says.
func TestDebugIsAnsweredAsByRedis(t *testing.T) {
	redis := startRedis(t, "--enable-debug-command", "yes")
	a := newWorld("n1").admin(t, nil)
	for _, line := range []string{"debug sleep 0", "debug sleep x", "debug sleep -1", "debug sleep", "debug sleep 1 2", "debug nosuch", "debug"} {
		words := strings.Fields(line)
		got, want := parsed(t, do(t, a, words...), 2), redis.do(t, words...)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\n got %v\nwant %v", line, got, want)
		}
	}
}

// TestShapesAreRediss compares types and names of structured replies, in both
// protocols, with a server in cluster mode that owns every slot.
func TestShapesAreRediss(t *testing.T) {
	redis := startRedis(t, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
	redis.do(t, "cluster", "addslotsrange", "0", "16383")
	a := newWorld("n1").admin(t, func(c *Config) { c.Redirect = true })
	for proto := 2; proto <= 3; proto++ {
		redis.do(t, "hello", fmt.Sprint(proto))
		for _, line := range []string{"cluster slots", "cluster shards", "cluster myid", "cluster nodes", "cluster info",
			"cluster nodes now", "cluster nosuch", "cluster", "cluster keyslot", "role", "lastsave", "info", "info cluster",
			"config get timeout", "config get timeout maxclients nosuch"} {
			words := strings.Fields(line)
			got, want := parsed(t, do(t, a, words...), proto).shape(), redis.do(t, words...).shape()
			if got != want {
				t.Errorf("%s in RESP%d\n got %v\nwant %v", line, proto, got, want)
			}
		}
	}
}

// TestClusterNodesLinesAreRediss compares the text form, which clients parse.
func TestClusterNodesLinesAreRediss(t *testing.T) {
	redis := startRedis(t, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
	redis.do(t, "cluster", "addslotsrange", "0", "16383")
	form := regexp.MustCompile(`^[0-9a-f]{40} 127\.0\.0\.1:\d+@\d+ myself,master - \d+ \d+ \d+ connected 0-16383\n$`)
	if line := redis.do(t, "cluster", "nodes").text; !form.MatchString(line) {
		t.Fatalf("this test's idea of the form is wrong: %q", line)
	}
	if line := parsed(t, do(t, newWorld("n1").admin(t, nil), "cluster", "nodes"), 2).text; !form.MatchString(line) {
		t.Errorf("got %q", line)
	}
}

// Only what Redis cannot change either is called immutable; of the rest it is
// said why Kvorum does not change it.
func TestWhatCannotBeSetSaysWhy(t *testing.T) {
	redis := startRedis(t)
	a := newWorld("n1").admin(t, nil)
	refused := 0
	for i := range setting.Table {
		row := &setting.Table[i]
		if row.Fixed() == nil {
			continue
		}
		refused++
		got := do(t, a, "config", "set", row.Name, row.Default)
		if !got.IsError() {
			t.Errorf("%s can be set", row.Name)
		}
		const immutable = "can't set immutable config"
		want := strings.Contains(redis.do(t, "config", "set", row.Name, row.Default).text, immutable)
		if is := strings.Contains(string(got.Bytes), immutable); is != want {
			t.Errorf("%s: %s; immutable in Redis: %v", row.Name, got.Bytes, want)
		}
	}
	if refused == 0 {
		t.Error("everything can be set")
	}
	expect(t, do(t, a, "config", "set", "notify-keyspace-events", "KEA"), "-ERR CONFIG SET failed (possibly related to argument "+
		"'notify-keyspace-events') - keyspace notifications are not yet supported by Kvorum ")
}

// TestKeySlotsAreRediss compares slots of keys with and without hash tags.
func TestKeySlotsAreRediss(t *testing.T) {
	redis := startRedis(t, "--cluster-enabled", "yes")
	a := newWorld("n1").admin(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{"", "{", "}", "{}", "{}a", "a{b}c", "{a}{b}", "{{a}}", "a}{b", "foo{}{bar}", "{user1000}.following"}
	for range 200 {
		key := make([]byte, random.IntN(20))
		for i := range key {
			key[i] = "{}ab\x00\xff\r\n"[random.IntN(8)]
		}
		keys = append(keys, string(key))
	}
	for _, key := range keys {
		got, want := parsed(t, do(t, a, "cluster", "keyslot", key), 2).text, redis.do(t, "cluster", "keyslot", key).text
		if got != want {
			t.Errorf("slot of %q: got %s, want %s", key, got, want)
		}
	}
}

// TestInfoHasRedissSections: which are shown is the same for every choice of
// arguments, and every field is either Redis's or one of Kvorum's own.
func TestInfoHasRedissSections(t *testing.T) {
	redis := startRedis(t)
	redis.do(t, "set", "a", "b", "px", "100000")
	w := newWorld("n1")
	w.databases = []Database{{Number: 0, Keys: 1, Expires: 1, MeanTTLMS: 99999}}
	a := w.admin(t, nil)
	for _, line := range []string{"info", "info all", "info everything", "info default", "info server keyspace", "info KEYSPACE server server",
		"info cpu all", "info default commandstats", "info nosuch server", "info modules", "info errorstats latencystats"} {
		words := strings.Fields(line)
		got := titles(parsed(t, do(t, a, words...), 2).text)
		if raft := slices.Index(got, "# Raft"); raft >= 0 {
			got = slices.Delete(got, raft, raft+1)
		}
		if want := titles(redis.do(t, words...).text); !slices.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", line, got, want)
		}
	}
	known := map[string]bool{}
	for _, name := range fieldNames(redis.do(t, "info", "everything").text) {
		known[name] = true
	}
	for _, name := range fieldNames(parsed(t, do(t, a, "info", "everything"), 2).text) {
		own := strings.HasPrefix(name, "raft_") || slices.Contains([]string{"kvorum_version", "go_version", "server_id"}, name)
		if !known[name] && !own {
			t.Errorf("INFO has a field %q that Redis does not know", name)
		}
	}
}

func titles(info string) []string {
	var out []string
	for line := range strings.Lines(info) {
		if strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func fieldNames(info string) []string {
	var out []string
	for line := range strings.Lines(info) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			out = append(out, name)
		}
	}
	return out
}

// TestInfoIsLaidOutAsRediss compares line ends and blank lines.
func TestInfoIsLaidOutAsRediss(t *testing.T) {
	redis := startRedis(t)
	redis.do(t, "set", "a", "b")
	w := newWorld("n1")
	w.databases = []Database{{Number: 0, Keys: 1}}
	a := w.admin(t, nil)
	digits := regexp.MustCompile(`[0-9]+`)
	for _, line := range []string{"info keyspace", "info keyspace modules", "info cluster keyspace", "info cpu"} {
		words := strings.Fields(line)
		got := digits.ReplaceAllString(parsed(t, do(t, a, words...), 2).text, "N")
		want := digits.ReplaceAllString(redis.do(t, words...).text, "N")
		want = regexp.MustCompile(`used_cpu_\w+_main_thread:N.N\r\n`).ReplaceAllString(want, "")
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}
