package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, frame{kind: 1, id: 1}))
	f.Add(appendFrame(nil, frame{kind: 2 | answerBit, hops: 1, status: 3, id: 1 << 60, payload: []byte("payload")}))
	f.Add([]byte{frameVersion, 1, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), inputBytes)
		var again []byte
		for {
			fr, err := readFrame(r)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("an error of no kind: %v", err)
				}
				break
			}
			again = appendFrame(again, fr)
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("frames that were read are written differently: %x, %x", data, again)
		}
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add(Greeting{Requests, "c", "n1@a", "n2@b"}.appendTo(nil)[preambleBytes:])
	f.Add(welcome{refused: WrongCluster, server: "n2@b", cluster: "c", text: "no"}.appendTo(nil)[preambleBytes:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > greetingBytesMax {
			return
		}
		version, got, err := readSealed(bytes.NewReader(sealed(1, body)))
		if err != nil || version != 1 || !bytes.Equal(got, body) {
			t.Fatalf("a sealed body came back as %x, %v", got, err)
		}
		if g, err := decodeGreeting(body); err == nil && !bytes.Equal(g.appendTo(nil), sealed(1, body)) {
			t.Fatalf("%+v is written differently", g)
		}
		if w, err := decodeWelcome(body); err == nil && len(w.text) <= reasonBytesMax && !bytes.Equal(w.appendTo(nil), sealed(1, body)) {
			t.Fatalf("%+v is written differently", w)
		}
		readSealed(bytes.NewReader(body))
	})
}
