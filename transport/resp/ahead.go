package resp

import (
	"cmp"
	"errors"
	"io"

	"github.com/kvorum/kvorum/internal/memory"
)

// errAheadFull means that a client has sent more than the lookout reads ahead.
var errAheadFull = errors.New("more was sent than is read ahead")

// readAhead reads once from the connection while nobody takes commands. The bytes are parsed later,
// before anything that arrives after them. One byte beyond aheadBytesMax shows that there is more.
func (in *input) readAhead() error {
	if len(in.ahead) > aheadBytesMax {
		return errAheadFull
	}
	if len(in.ahead) == cap(in.ahead) {
		in.ahead = memory.Grow(in.ahead, min(max(2*len(in.ahead), aheadBytesMin), aheadBytesMax+1))
	}
	n, err := in.conn.Read(in.ahead[len(in.ahead):cap(in.ahead)])
	if n <= 0 {
		return cmp.Or(err, io.ErrNoProgress)
	}
	in.ahead = in.ahead[:len(in.ahead)+n]
	in.policy.received(n)
	return nil
}

// read returns the next bytes: first those that were read ahead, then those of the connection.
func (in *input) read(into []byte) (n int, err error) {
	if len(in.ahead) == 0 {
		n, err = in.conn.Read(into)
		in.fresh = max(n, 0)
		return n, err
	}
	n = copy(into, in.ahead)
	in.ahead = in.ahead[n:]
	if len(in.ahead) == 0 {
		in.ahead = nil
	}
	return n, nil
}
