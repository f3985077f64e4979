package admin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/internal/oracle"
)

// redisServer is a connection to a real redis-server 7.0, which this package's
// replies are held against.
type redisServer struct {
	conn net.Conn
	in   *bufio.Reader
}

func startRedis(t *testing.T, flags ...string) *redisServer {
	t.Helper()
	server := oracle.Start(t, oracle.Options{Port: true, Flags: flags})
	conn, err := net.Dial("unix", server.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &redisServer{conn: conn, in: bufio.NewReader(conn)}
}

// do sends one command and returns its reply as node.
func (o *redisServer) do(t *testing.T, line ...string) node {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(line))
	for _, word := range line {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	o.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(o.conn, b.String()); err != nil {
		t.Fatal(err)
	}
	n, err := readNode(o.in)
	if err != nil {
		t.Fatalf("%q: %v", strings.Join(line, " "), err)
	}
	return n
}

// node is a parsed RESP value.
type node struct {
	kind  byte
	text  string
	elems []node
}

func readNode(in *bufio.Reader) (node, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return node{}, err
	}
	n := node{kind: line[0], text: strings.TrimSuffix(line[1:], "\r\n")}
	count, _ := strconv.Atoi(n.text)
	switch n.kind {
	case '$', '=':
		n.text = ""
		if count < 0 {
			return node{kind: '_'}, nil
		}
		body := make([]byte, count+2)
		if _, err := io.ReadFull(in, body); err != nil {
			return node{}, err
		}
		n.text = string(body[:count])
	case '*', '%', '~':
		n.text = ""
		if n.kind == '%' {
			count *= 2
		}
		for range count {
			elem, err := readNode(in)
			if err != nil {
				return node{}, err
			}
			n.elems = append(n.elems, elem)
		}
	}
	return n, nil
}

// shape says which types a value has, and the names in its maps, apart from values.
func (n node) shape() string {
	switch n.kind {
	case '%':
		var parts []string
		for i := 0; i < len(n.elems); i += 2 {
			parts = append(parts, n.elems[i].text+"="+n.elems[i+1].shape())
		}
		slices.Sort(parts) // Redis orders settings by a hash that differs at each start
		return "{" + strings.Join(parts, " ") + "}"
	case '*':
		var parts []string
		for _, elem := range n.elems {
			parts = append(parts, elem.shape())
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return string(n.kind)
}
