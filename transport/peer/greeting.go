package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"
)

// The preamble of a greeting and of its answer. This layout never changes, so that a server can
// tell a caller of any version why it is refused:
//
//	"KVRM", version byte, body length (2 bytes LE), body, CRC-32C of all before it (4 bytes LE)
//
// Bodies of version 1 (a name is a length byte and that many bytes):
//
//	greeting: lane byte, cluster name, source server name, target server name
//	answer:   status byte (0 ok, else a Reason), server name, cluster name, text (the rest)
const (
	greetingMagic   = "KVRM"
	greetingVersion = 1
	preambleBytes   = len(greetingMagic) + 1 + 2
	crcBytes        = 4
)

// Lane says what a connection carries.
type Lane uint8

// The lanes.
const (
	Raft     Lane = iota + 1 // a raw stream, handed to the node's Raft transport
	Requests                 // frames between servers of one cluster
	Hello                    // frames before there is a cluster; cluster and target may be empty
)

// Greeting introduces a connection.
type Greeting struct {
	Lane    Lane
	Cluster string // may be "" only in the lane Hello
	From    string // the caller, id@incarnation
	To      string // the server that is expected, id@incarnation; may be "" only in the lane Hello
}

// welcome is a server's answer to a greeting.
type welcome struct {
	refused Reason // 0: accepted
	server  string
	cluster string
	text    string
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var errName = errors.New("a name is missing or longer than 255 bytes")

func appendName(dst []byte, name string) []byte {
	return append(append(dst, byte(len(name))), name...)
}

func cutName(b []byte) (name string, rest []byte, err error) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return "", nil, fmt.Errorf("%w: a name runs past its greeting", ErrCorrupt)
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], nil
}

// check reports an error if a greeting lacks a name that its lane needs, or if a name is too long.
func (g Greeting) check() error {
	if len(g.Cluster) > nameBytesMax || len(g.From) > nameBytesMax || len(g.To) > nameBytesMax || g.From == "" {
		return errName
	}
	if g.Lane != Hello && (g.Cluster == "" || g.To == "") {
		return errName
	}
	return nil
}

func (g Greeting) appendTo(dst []byte) []byte {
	body := []byte{byte(g.Lane)}
	for _, name := range []string{g.Cluster, g.From, g.To} {
		body = appendName(body, name)
	}
	return appendSealed(dst, body)
}

// decodeGreeting decodes and checks the body of a greeting.
func decodeGreeting(body []byte) (g Greeting, err error) {
	if len(body) == 0 {
		return g, fmt.Errorf("%w: empty greeting", ErrCorrupt)
	}
	g.Lane, body = Lane(body[0]), body[1:]
	for _, name := range []*string{&g.Cluster, &g.From, &g.To} {
		if *name, body, err = cutName(body); err != nil {
			return g, err
		}
	}
	if len(body) != 0 {
		return g, fmt.Errorf("%w: %d bytes after a greeting", ErrCorrupt, len(body))
	}
	return g, g.check()
}

func (w welcome) appendTo(dst []byte) []byte {
	body := []byte{byte(w.refused)}
	body = appendName(body, w.server)
	body = appendName(body, w.cluster)
	return appendSealed(dst, append(body, w.text[:min(len(w.text), reasonBytesMax)]...))
}

// decodeWelcome decodes the body of an answer to a greeting.
func decodeWelcome(body []byte) (w welcome, err error) {
	if len(body) == 0 {
		return w, fmt.Errorf("%w: empty answer to a greeting", ErrCorrupt)
	}
	w.refused, body = Reason(body[0]), body[1:]
	if w.server, body, err = cutName(body); err != nil {
		return w, err
	}
	if w.cluster, body, err = cutName(body); err != nil {
		return w, err
	}
	w.text = string(body)
	return w, nil
}

// appendSealed appends a body with its preamble and checksum.
func appendSealed(dst, body []byte) []byte {
	start := len(dst)
	dst = append(dst, greetingMagic...)
	dst = append(dst, greetingVersion)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(body)))
	dst = append(dst, body...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// readSealed reads what appendSealed wrote, whatever its version. It reads no byte beyond, since
// the rest belongs to the lane.
func readSealed(r io.Reader) (version byte, body []byte, err error) {
	head := make([]byte, preambleBytes, preambleBytes+greetingBytesMax+crcBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, fmt.Errorf("read greeting: %w", err)
	}
	if string(head[:len(greetingMagic)]) != greetingMagic {
		return 0, nil, fmt.Errorf("%w: no greeting but %q", ErrCorrupt, head)
	}
	n := int(binary.LittleEndian.Uint16(head[preambleBytes-2:]))
	if n > greetingBytesMax {
		return 0, nil, fmt.Errorf("%w: a greeting of %d bytes", ErrCorrupt, n)
	}
	all := head[:preambleBytes+n+crcBytes]
	if _, err := io.ReadFull(r, all[preambleBytes:]); err != nil {
		return 0, nil, fmt.Errorf("read greeting: %w", err)
	}
	sealed := all[:preambleBytes+n]
	if checksum(sealed) != binary.LittleEndian.Uint32(all[preambleBytes+n:]) {
		return 0, nil, fmt.Errorf("%w: a greeting's checksum does not match", ErrCorrupt)
	}
	return head[len(greetingMagic)], sealed[preambleBytes:], nil
}

// greet introduces this server on a new connection and waits for the answer. It leaves the
// connection without a deadline. If it fails, it closes the connection.
func greet(ctx context.Context, conn net.Conn, g Greeting) (welcome, error) {
	w, err := exchange(ctx, conn, g)
	if err != nil {
		conn.Close()
	}
	return w, err
}

// exchange sends a greeting and reads the answer. A refusal is returned as a *Refusal.
func exchange(ctx context.Context, conn net.Conn, g Greeting) (w welcome, err error) {
	if err := g.check(); err != nil {
		return w, fmt.Errorf("greet: %w", err)
	}
	deadline := time.Now().Add(greetTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(deadline); err != nil {
		return w, fmt.Errorf("greet: %w", err)
	}
	if _, err := conn.Write(g.appendTo(nil)); err != nil {
		return w, fmt.Errorf("greet: %w", err)
	}
	version, body, err := readSealed(conn)
	if err != nil {
		return w, fmt.Errorf("greet: %w", err)
	}
	if version != greetingVersion {
		return w, fmt.Errorf("greet: the server answers in version %d, this one speaks %d", version, greetingVersion)
	}
	if w, err = decodeWelcome(body); err != nil {
		return w, fmt.Errorf("greet: %w", err)
	}
	if w.refused != 0 {
		return w, &Refusal{Reason: w.refused, Text: w.text, Server: w.server}
	}
	if !stop() {
		return w, fmt.Errorf("greet: %w", context.Cause(ctx))
	}
	return w, conn.SetDeadline(time.Time{})
}
