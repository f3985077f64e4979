package entry

import (
	"bytes"
	"testing"
)

// A body that is read piece by piece is the body that AppendBody makes.
func TestABodyReadInPiecesIsTheBody(t *testing.T) {
	for _, args := range [][]string{{"ping"}, {"set", "k", ""}, {"set", "", "v"}, {"mset", "a", string(make([]byte, 300)), "b", "", "c", string(make([]byte, 70000))}} {
		c := Command{DB: 300}
		for _, a := range args {
			c.Args = append(c.Args, []byte(a))
		}
		want := AppendBody(nil, []Command{c})
		for _, size := range []int{1, 2, 7, 1000, len(want) - 1, len(want), len(want) + 1} {
			if size == 0 {
				continue
			}
			r := NewBodyReader(c)
			if r.Len() != len(want) {
				t.Fatalf("%q: a length of %d, not %d", args[0], r.Len(), len(want))
			}
			var got []byte
			for r.Len() > 0 {
				piece := make([]byte, size)
				n := r.Read(piece)
				if n != min(size, len(want)-len(got)) {
					t.Fatalf("%q: a piece of %d bytes", args[0], n)
				}
				got = append(got, piece[:n]...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%q in pieces of %d bytes differs", args[0], size)
			}
		}
	}
}
