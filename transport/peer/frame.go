package peer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame of the lanes Requests and Hello (integers little endian):
//
//	0  version   1 byte
//	1  kind      1 byte; an answer has the request's kind and answerBit
//	2  hops      1 byte; how often a request has been passed on
//	3  status    1 byte; of an answer
//	4  length    4 bytes, of the payload
//	8  id        8 bytes, chosen by the caller, unique on its connection
//	16 checksum  4 bytes, CRC-32C of bytes 0 to 15 and the payload
//	20 payload
const (
	frameVersion = 1
	headerBytes  = 20
	sumOffset    = 16
	answerBit    = 0x80
	probeKind    = 0 // asks for an empty answer, which the endpoint itself gives
)

type frame struct {
	kind    uint8
	hops    uint8
	status  uint8
	id      uint64
	payload []byte
}

// appendFrame appends an encoded frame.
func appendFrame(dst []byte, f frame) []byte {
	start := len(dst)
	dst = append(dst, frameVersion, f.kind, f.hops, f.status)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(f.payload)))
	dst = binary.LittleEndian.AppendUint64(dst, f.id)
	sum := crc32.Update(checksum(dst[start:]), castagnoli, f.payload)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	return append(dst, f.payload...)
}

// readFrame reads one frame. The caller owns its payload.
func readFrame(r *bufio.Reader) (f frame, err error) {
	head, err := r.Peek(headerBytes)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return f, fmt.Errorf("read frame: %w", err)
	}
	if head[0] != frameVersion {
		return f, fmt.Errorf("%w: a frame of version %d", ErrCorrupt, head[0])
	}
	f = frame{kind: head[1], hops: head[2], status: head[3], id: binary.LittleEndian.Uint64(head[8:])}
	n := binary.LittleEndian.Uint32(head[4:])
	want := binary.LittleEndian.Uint32(head[sumOffset:])
	if n > payloadBytesMax {
		return f, fmt.Errorf("%w: a frame of %d bytes", ErrCorrupt, n)
	}
	sum := checksum(head[:sumOffset])
	if _, err := r.Discard(headerBytes); err != nil {
		return f, fmt.Errorf("read frame: %w", err)
	}
	if n > 0 {
		f.payload = make([]byte, n)
		if _, err := io.ReadFull(r, f.payload); err != nil {
			return f, fmt.Errorf("read frame: %w", noEOF(err))
		}
		sum = crc32.Update(sum, castagnoli, f.payload)
	}
	if sum != want {
		return f, fmt.Errorf("%w: a frame's checksum does not match", ErrCorrupt)
	}
	return f, nil
}

// frameWaits reports whether readFrame could return without waiting for bytes.
func frameWaits(r *bufio.Reader) bool {
	if r.Buffered() < headerBytes {
		return false
	}
	head, err := r.Peek(headerBytes)
	return err == nil && r.Buffered()-headerBytes >= int(binary.LittleEndian.Uint32(head[4:]))
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
