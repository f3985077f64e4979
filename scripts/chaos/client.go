package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
)

// client is one connection that is made again after it broke. It tries nothing
// twice, and knows what it has sent: a library that retries, or remembers that
// a dial has failed, would blur what the nodes promise. One goroutine uses it.
type client struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

// errNotSent means that the command has not left this process.
var errNotSent = errors.New("not sent")

// do sends one command; an error reply is a value, an error is one of the connection.
func (c *client) do(words ...string) (reply.Value, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, dialWithin)
		if err != nil {
			return reply.Value{}, fmt.Errorf("%w: %w", errNotSent, err)
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	v, err := c.exchange(words)
	if err != nil {
		c.close()
	}
	return v, err
}

func (c *client) exchange(words []string) (reply.Value, error) {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	if err := c.conn.SetDeadline(time.Now().Add(requestWithin)); err != nil {
		return reply.Value{}, err
	}
	if _, err := c.conn.Write(corpus.AppendCommand(nil, args)); err != nil {
		return reply.Value{}, err
	}
	return corpus.ReadReply(c.in)
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
