package resp

import (
	"fmt"
	"strings"
	"testing"
)

// endlessConn repeats the same bytes.
type endlessConn struct {
	scriptConn
	whole []byte
}

func (c *endlessConn) Read(p []byte) (int, error) {
	if len(c.input) == 0 {
		c.input = c.whole
	}
	n := copy(p, c.input)
	c.input = c.input[n:]
	return n, nil
}

func BenchmarkInput(b *testing.B) {
	for _, c := range []struct{ name, cmd string }{
		{"get", multibulk("GET", "key:000000012345")},
		{"set64", multibulk("SET", "key:000000012345", strings.Repeat("x", 64))},
		{"set1k", multibulk("SET", "key:000000012345", strings.Repeat("x", 1000))},
		{"set1m", multibulk("SET", "key:000000012345", strings.Repeat("x", 1<<20))},
	} {
		whole := []byte(strings.Repeat(c.cmd, max(1, 64*1024/len(c.cmd))))
		b.Run(c.name, func(b *testing.B) {
			in := &input{conn: &endlessConn{whole: whole}, policy: &fixedPolicy{bulkMax: bulkBytesMax}}
			b.SetBytes(int64(len(c.cmd)))
			b.ReportAllocs()
			for n := 0; n < b.N; {
				_, ends, err := in.next()
				if err != nil {
					b.Fatal(err)
				}
				n += len(ends)
			}
		})
	}
}

// BenchmarkPipeline is a whole connection over a loopback socket, with an
// Executor that does next to nothing.
func BenchmarkPipeline(b *testing.B) {
	for _, depth := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			h := startServer(b, nil)
			c := h.dial(b)
			c.exchange("SET key:000000012345 1\r\n", "+OK\r\n")
			batch := []byte(strings.Repeat(multibulk("GET", "key:000000012345"), depth))
			answer := make([]byte, depth*len("$1\r\n1\r\n"))
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += depth {
				if _, err := c.Write(batch); err != nil {
					b.Fatal(err)
				}
				for got := 0; got < len(answer); {
					k, err := c.Read(answer[got:])
					if err != nil {
						b.Fatal(err)
					}
					got += k
				}
			}
		})
	}
}
