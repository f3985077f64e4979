package client

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
)

// Conn is one connection that is made again after it broke. It tries nothing
// twice, and knows what it has sent: a library that retries, or remembers that
// a dial has failed, would blur what the nodes promise. One goroutine uses it.
type Conn struct {
	Addr string
	// Within bounds one request, 0: far more than any node's time-outs.
	Within time.Duration
	// From is the address to dial from, nil: any.
	From net.IP

	conn net.Conn
	in   *bufio.Reader
}

// ErrNotSent means that the command has not left this process.
var ErrNotSent = errors.New("not sent")

// Do sends one command; an error reply is a value, an error is one of the connection.
func (c *Conn) Do(words ...string) (reply.Value, error) {
	if c.conn == nil {
		conn, err := c.dial()
		if err != nil {
			return reply.Value{}, fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	v, err := c.exchange(words)
	if err != nil {
		c.Close()
	}
	return v, err
}

func (c *Conn) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialWithin}
	if c.From != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: c.From}
	}
	return dialer.Dial("tcp", c.Addr)
}

func (c *Conn) exchange(words []string) (reply.Value, error) {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	within := c.Within
	if within == 0 {
		within = requestWithin
	}
	if err := c.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return reply.Value{}, err
	}
	if _, err := c.conn.Write(corpus.AppendCommand(nil, args)); err != nil {
		return reply.Value{}, err
	}
	return corpus.ReadReply(c.in)
}

// Connected reports whether the next Do needs no new connection.
func (c *Conn) Connected() bool { return c.conn != nil }

// Close ends the connection, if there is one; the next Do makes another.
func (c *Conn) Close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
