package command_test

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/oracle"
)

// redisConn is a connection to a real redis-server: the engine that the
// recorded replies come from.
type redisConn struct {
	conn net.Conn
	r    *bufio.Reader
}

func (c *redisConn) Do(args [][]byte) (reply.Value, error) {
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return reply.Value{}, err
	}
	if _, err := c.conn.Write(corpus.AppendCommand(nil, args)); err != nil {
		return reply.Value{}, err
	}
	return corpus.ReadReply(c.r)
}

// startRedis starts a redis-server for one test and returns its socket.
func startRedis(t *testing.T) (socket string) {
	t.Helper()
	return oracle.Start(t, oracle.Options{Flags: []string{"--appendonly", "no", "--enable-debug-command", "yes"}}).Socket
}

func dialRedis(t *testing.T, socket string) *redisConn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &redisConn{conn, bufio.NewReader(conn)}
}

// words makes arguments of strings.
func words(words ...string) [][]byte {
	var args [][]byte
	for _, w := range words {
		args = append(args, []byte(w))
	}
	return args
}

func mustDo(t *testing.T, e corpus.Engine, args ...string) reply.Value {
	t.Helper()
	v, err := e.Do(words(args...))
	if err != nil {
		t.Fatal(fmt.Errorf("%v: %w", args, err))
	}
	return v
}
