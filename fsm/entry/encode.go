package entry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
)

// castagnoli is the table for the checksums (CRC-32C, which processors compute in hardware).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crcBytes is the length of a checksum.
const crcBytes = 4

// AppendBatch appends b's encoded form to dst. An error says which limit b exceeds, or
// which field does not fit its kind. dst is unchanged then.
func AppendBatch(dst []byte, b *Batch) ([]byte, error) {
	if err := b.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	out := append(dst, b.layout(), byte(b.Kind))
	out = appendBytes(out, b.Server)
	out = binary.AppendUvarint(out, b.Boot)
	out = binary.AppendUvarint(out, b.Number)
	out = binary.AppendUvarint(out, b.Acked)
	switch b.Kind {
	case Commands:
		out = AppendBody(out, b.Commands)
	case Register:
		out = appendBytes(out, b.ClientAddr)
	case Abandon:
		out = binary.AppendUvarint(out, b.First)
	case Part:
		if b.First > 0 {
			out = binary.AppendUvarint(out, b.First)
		}
		out = binary.AppendUvarint(out, uint64(b.PartIndex))
		out = binary.AppendUvarint(out, uint64(b.PartTotal))
		out = appendBytes(out, b.PartBytes)
	}
	out = appendCRC(out, start)
	if size := len(out) - start; size > BatchBytesMax {
		return dst, fmt.Errorf("entry: a batch of %d bytes is over %d", size, BatchBytesMax)
	}
	return out, nil
}

// AppendBody appends the body of a Commands batch to dst. A body larger than BodyBytesMax
// is cut into Parts. AppendBody does not check any limit.
func AppendBody(dst []byte, commands []Command) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(commands)))
	for i := range commands {
		c := &commands[i]
		dst = binary.AppendUvarint(dst, uint64(c.DB))
		dst = binary.AppendUvarint(dst, uint64(len(c.Args)))
		for _, arg := range c.Args {
			dst = appendBytes(dst, arg)
		}
	}
	return dst
}

// CommandBytes returns how many bytes a command takes in a body. A body takes the sum for
// its commands, and at most 3 bytes for their count.
func CommandBytes(c *Command) int {
	size := uvarintBytes(uint64(c.DB)) + uvarintBytes(uint64(len(c.Args)))
	for _, arg := range c.Args {
		size += uvarintBytes(uint64(len(arg))) + len(arg)
	}
	return size
}

// AppendEntry appends an entry of encoded batches to dst, without decoding them. An entry
// without batches is a no-op, a tick, a mere request for a digest, or a raise.
func AppendEntry(dst []byte, head Head, batches [][]byte) ([]byte, error) {
	if head.StampMS < 0 || head.Digest > WholeDigest || len(batches) > BatchesMax {
		return dst, fmt.Errorf("entry: stamp %d, digest %d or %d batches is out of range", head.StampMS, head.Digest, len(batches))
	}
	if head.Raise > 0 && (head.Raise == 1 || head.Digest != NoDigest || len(batches) > 0) {
		return dst, fmt.Errorf("entry: one that raises the machine to version %d carries digest %d and %d batches", head.Raise, head.Digest, len(batches))
	}
	start := len(dst)
	out := dst
	switch {
	case head.Raise > 0:
		out = append(out, VersionRaise, head.Raise)
	case head.Digest == NoDigest:
		out = append(out, Version)
	default:
		out = append(out, VersionDigest, byte(head.Digest))
	}
	out = binary.AppendUvarint(out, uint64(head.StampMS))
	out = binary.LittleEndian.AppendUint64(out, head.Seed)
	out = binary.AppendUvarint(out, uint64(len(batches)))
	out = appendCRC(out, start)
	for _, b := range batches {
		out = appendBytes(out, b)
	}
	if size := len(out) - start; size > EntryBytesMax {
		return dst, fmt.Errorf("entry: an entry of %d bytes is over %d", size, EntryBytesMax)
	}
	return out, nil
}

// EntryBytes returns an upper bound of what AppendEntry appends for count batches whose
// lengths add up to sum.
func EntryBytes(count, sum int) int {
	const head = 2 + binary.MaxVarintLen64 + 8 + 3 + crcBytes
	return head + 3*count + sum
}

// check returns an error for a batch that is not valid, whether it was decoded or is to be encoded.
func (b *Batch) check() error {
	if len(b.Server) == 0 || len(b.Server) > NameBytesMax {
		return fmt.Errorf("entry: a server's name of %d bytes", len(b.Server))
	}
	switch b.Kind {
	case Register:
		if b.Number != 0 || b.Acked != 0 || len(b.ClientAddr) > NameBytesMax {
			return errors.New("entry: a Register with a number, a mark or a long address")
		}
		return nil
	case Part:
		if b.PartTotal < 1 || b.PartTotal > PartsMax || b.PartIndex < 0 || b.PartIndex >= b.PartTotal ||
			len(b.PartBytes) > PartBytesMax {
			return fmt.Errorf("entry: part %d of %d with %d bytes", b.PartIndex, b.PartTotal, len(b.PartBytes))
		}
		if b.First > 0 && ((b.First == b.Number) != (b.PartIndex == 0) || b.Number < b.First || b.Number-b.First < uint64(b.PartIndex)) {
			return fmt.Errorf("entry: part %d, numbered %d, of a command that began at %d", b.PartIndex, b.Number, b.First)
		}
	case Abandon:
		if b.First < 1 || b.First >= b.Number {
			return fmt.Errorf("entry: batch %d abandons what began at %d", b.Number, b.First)
		}
	case Commands:
		if err := checkCommands(b.Commands); err != nil {
			return err
		}
	default:
		return fmt.Errorf("entry: a batch of kind %d", b.Kind)
	}
	if b.Acked >= b.Number {
		return fmt.Errorf("entry: batch %d acknowledges %d", b.Number, b.Acked)
	}
	return nil
}

// checkCommands checks the commands of a batch against the limits.
func checkCommands(commands []Command) error {
	if len(commands) > CommandsMax {
		return fmt.Errorf("entry: a batch of %d commands is over %d", len(commands), CommandsMax)
	}
	for i := range commands {
		c := &commands[i]
		if c.DB < 0 || c.DB >= databasesMax || len(c.Args) < 1 || len(c.Args) > ArgsMax {
			return fmt.Errorf("entry: a command of %d arguments for database %d", len(c.Args), c.DB)
		}
	}
	return nil
}

func appendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func appendCRC(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func uvarintBytes(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// The largest lengths must fit an int on every platform that we build for.
var _ [math.MaxInt32 - SplitBytesMax]struct{}
