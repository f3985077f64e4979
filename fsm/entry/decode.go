package entry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Header holds what a leader needs to know about a batch that it only passes on.
type Header struct {
	Session
	Kind   Kind
	Number uint64
	Acked  uint64
	Bytes  int // the length of the encoded batch
}

// PeekHeader checks the length and the checksum of an encoded batch, and decodes its
// header only.
func PeekHeader(data []byte) (Header, error) {
	var b Batch
	body, err := decodeHeader(data, &b)
	if err != nil {
		return Header{}, err
	}
	b.Server = string(body.server)
	return Header{Session: b.Session, Kind: b.Kind, Number: b.Number, Acked: b.Acked, Bytes: len(data)}, nil
}

// Decoder decodes entries one after the other and reuses its buffers. A result is valid
// until the next call.
type Decoder struct {
	entry    Entry
	commands []Command
	args     [][]byte
	servers  map[string]string // the names seen so far, so that each is allocated once
}

// Decode decodes an entry. Arguments and parts share data's bytes.
func Decode(data []byte) (*Entry, error) { return new(Decoder).Decode(data) }

// DecodeBatch decodes one batch. Arguments and parts share data's bytes.
func DecodeBatch(data []byte) (Batch, error) {
	var b Batch
	err := new(Decoder).decodeBatch(data, &b)
	return b, err
}

// DecodeBatch decodes one batch into the decoder's buffers.
func (d *Decoder) DecodeBatch(data []byte) (*Batch, error) {
	d.reset()
	d.entry.Batches = append(d.entry.Batches, Batch{})
	b := &d.entry.Batches[0]
	return b, d.decodeBatch(data, b)
}

// DecodeBody decodes the body of a Commands batch that travelled in parts.
func DecodeBody(body []byte) ([]Command, error) {
	if len(body) > SplitBytesMax {
		return nil, fmt.Errorf("entry: a body of %d bytes is over %d", len(body), SplitBytesMax)
	}
	r := reader{rest: body}
	commands := new(Decoder).commandsOf(&r)
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("entry: body: %w", err)
	}
	return commands, checkCommands(commands)
}

// Decode decodes an entry into the decoder's buffers.
func (d *Decoder) Decode(data []byte) (*Entry, error) {
	if len(data) > EntryBytesMax {
		return nil, fmt.Errorf("entry: %d bytes are over %d", len(data), EntryBytesMax)
	}
	d.reset()
	r := reader{rest: data}
	var head Head
	switch v := r.byte(); v {
	case Version:
	case VersionDigest:
		head.Digest = Digest(r.byte())
		r.bad = r.bad || head.Digest != HashDigest && head.Digest != WholeDigest
	case VersionRaise:
		head.Raise = r.byte()
		r.bad = r.bad || head.Raise < 2
	default:
		return nil, fmt.Errorf("entry: layout %d cannot be read, only %d to %d: a later release has written it", v, Version, VersionRaise)
	}
	stamp := r.uvarint(math.MaxInt64)
	seed := r.uint64()
	count := r.uvarint(BatchesMax)
	headBytes := len(data) - len(r.rest)
	if sum := r.uint32(); r.bad || sum != crc32.Checksum(data[:headBytes], castagnoli) || head.Raise > 0 && count > 0 {
		return nil, errors.New("entry: its head is corrupt")
	}
	head.StampMS, head.Seed = int64(stamp), seed
	d.entry.Head = head
	for i := range int(count) {
		encoded := r.bytes(BatchBytesMax)
		if r.bad {
			return nil, errors.New("entry: truncated")
		}
		d.entry.Batches = append(d.entry.Batches, Batch{})
		if err := d.decodeBatch(encoded, &d.entry.Batches[i]); err != nil {
			return nil, fmt.Errorf("batch %d of %d: %w", i, count, err)
		}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	return &d.entry, nil
}

// reset empties the buffers for the next entry, and frees those that have grown large.
func (d *Decoder) reset() {
	if cap(d.args) > arenaKept {
		d.args = nil
	}
	if len(d.servers) > serversKept {
		clear(d.servers)
	}
	d.args, d.commands, d.entry.Batches = d.args[:0], d.commands[:0], d.entry.Batches[:0]
}

// opened is an encoded batch whose header has been read.
type opened struct {
	layout byte
	server []byte
	body   reader
}

// decodeHeader checks the checksum of a batch and decodes its header into b. The name of
// the server is left to the caller.
func decodeHeader(data []byte, b *Batch) (opened, error) {
	if len(data) < crcBytes || len(data) > BatchBytesMax {
		return opened{}, fmt.Errorf("entry: a batch of %d bytes", len(data))
	}
	content := data[:len(data)-crcBytes]
	sum := binary.LittleEndian.Uint32(data[len(content):])
	if sum != crc32.Checksum(content, castagnoli) {
		return opened{}, errors.New("entry: a batch's checksum does not fit it")
	}
	r := reader{rest: content}
	layout := r.byte()
	if layout != Version && layout != VersionFirst {
		return opened{}, fmt.Errorf("entry: a batch of layout %d cannot be read, only %d and %d: a later release has written it", layout, Version, VersionFirst)
	}
	b.Kind = Kind(r.byte())
	if known := b.Kind == Abandon || b.Kind == Part; layout == VersionFirst && !known || layout == Version && b.Kind == Abandon {
		return opened{}, fmt.Errorf("entry: a batch of kind %d and layout %d", b.Kind, layout)
	}
	server := r.bytes(NameBytesMax)
	b.Boot = r.uvarint(math.MaxUint64)
	b.Number = r.uvarint(math.MaxUint64)
	b.Acked = r.uvarint(math.MaxUint64)
	if r.bad {
		return opened{}, errors.New("entry: a batch's header is malformed")
	}
	return opened{layout: layout, server: server, body: r}, nil
}

// decodeBatch decodes a batch into b and checks it.
func (d *Decoder) decodeBatch(data []byte, b *Batch) error {
	o, err := decodeHeader(data, b)
	if err != nil {
		return err
	}
	b.Server = d.name(o.server)
	switch b.Kind {
	case Commands:
		b.Commands = d.commandsOf(&o.body)
	case Register:
		b.ClientAddr = string(o.body.bytes(NameBytesMax))
	case Abandon:
		b.First = o.body.first()
	case Part:
		if o.layout == VersionFirst {
			b.First = o.body.first()
		}
		b.PartIndex = int(o.body.uvarint(PartsMax))
		b.PartTotal = int(o.body.uvarint(PartsMax))
		b.PartBytes = o.body.bytes(PartBytesMax)
	}
	if err := o.body.end(); err != nil {
		return fmt.Errorf("entry: batch %d of %s: %w", b.Number, b.Server, err)
	}
	return b.check()
}

// name returns server as a string. Equal bytes share one string.
func (d *Decoder) name(server []byte) string {
	if s, ok := d.servers[string(server)]; ok {
		return s
	}
	if d.servers == nil {
		d.servers = make(map[string]string)
	}
	s := string(server)
	d.servers[s] = s
	return s
}

// commandsOf decodes the commands of a body. After a failure, r is bad.
func (d *Decoder) commandsOf(r *reader) []Command {
	count := int(r.uvarint(CommandsMax))
	first := len(d.commands)
	for range count {
		c := Command{DB: int(r.uvarint(databasesMax - 1))}
		args := r.uvarint(ArgsMax)
		if r.bad || args > uint64(len(r.rest)) { // every argument takes at least one byte
			r.bad = true
			return nil
		}
		start := len(d.args)
		for range args {
			d.args = append(d.args, r.bytes(SplitBytesMax))
		}
		c.Args = d.args[start:len(d.args):len(d.args)]
		d.commands = append(d.commands, c)
	}
	return d.commands[first:len(d.commands):len(d.commands)]
}

// reader reads values from the front of its bytes. After the first failure, bad is set
// and it returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.rest) < 1 {
		r.bad = true
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

// uvarint reads a number. It must be in its shortest form and at most limit.
func (r *reader) uvarint(limit uint64) uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 && uint64(r.rest[0]) <= limit { // the common case
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > limit || (n > 1 && r.rest[n-1] == 0) {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// first reads the number of a command's first part. Numbers begin at 1.
func (r *reader) first() uint64 {
	v := r.uvarint(math.MaxUint64)
	r.bad = r.bad || v == 0
	return v
}

func (r *reader) uint32() uint32 {
	if len(r.rest) < 4 {
		r.bad, r.rest = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return v
}

func (r *reader) uint64() uint64 {
	if len(r.rest) < 8 {
		r.bad, r.rest = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

func (r *reader) bytes(limit uint64) []byte {
	n := r.uvarint(limit)
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

// end returns an error if reading has failed or bytes are left.
func (r *reader) end() error {
	switch {
	case r.bad:
		return errors.New("malformed")
	case len(r.rest) > 0:
		return fmt.Errorf("%d bytes follow its end", len(r.rest))
	}
	return nil
}
