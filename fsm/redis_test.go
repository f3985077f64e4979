package fsm_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/internal/oracle"
)

func connect(t *testing.T, s *oracle.Server, db int) *redis.Client {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket, DB: db, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { client.Close() })
	return client
}

// A snapshot is a backup that a stock Redis loads, sessions and parts in it or not.
func TestAStockRedisLoadsASnapshot(t *testing.T) {
	l := newLog(t, 1)
	l.register(one, two)
	m := l.machines[0]
	l.stampMS = time.Now().UnixMilli() // redis-server drops what is past its own clock
	elsewhere := batch(one, 1, 0, "set int -12", "set text hello", "append text !", "set ttl v px 1000000", "set other db")
	elsewhere.Commands[4].DB = 9
	l.entry(elsewhere, partOf2(two, 1))

	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), snapshotOf(t, m), 0o600))
	server := oracle.Start(t, oracle.Options{Dir: dir})
	client := connect(t, server, 0)
	for key, want := range map[string]string{"int": "-12", "text": "hello!", "ttl": "v"} {
		if got, err := client.Get(t.Context(), key).Result(); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", key, got, err, want)
		}
	}
	deadline, err := client.PExpireTime(t.Context(), "ttl").Result()
	if err != nil || deadline.Milliseconds() != m.Keys().Get(0, []byte("ttl")).DeadlineMS() {
		t.Errorf("ttl expires at %v, %v", deadline, err)
	}
	if n := client.DBSize(t.Context()).Val(); n != 3 {
		t.Errorf("database 0 has %d keys", n)
	}
	if got := connect(t, server, 9).Get(t.Context(), "other").Val(); got != "db" {
		t.Errorf("database 9 has %q", got)
	}
}
