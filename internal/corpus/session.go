package corpus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
)

// Engine executes commands on one connection. It returns values as they are in the
// connection's protocol: in RESP2, for example, a map is an array.
type Engine interface {
	Do(args [][]byte) (reply.Value, error)
}

// Passer is an Engine whose time stands still except in Pass, which lets some milliseconds
// go by. The directive until calls it between two tries.
type Passer interface {
	Engine
	Pass()
}

// Directive is one directive of a script.
type Directive struct {
	Name     string // do, sorted, between, until, quiet
	Lo, Hi   string // between
	Input    string
	Expected string // until
}

// Session runs the directives of one file on one engine.
type Session struct{ engine Engine }

// NewSession starts a session for one file. The engine's databases should be empty.
func NewSession(e Engine) *Session { return &Session{engine: e} }

// Run runs a directive's commands and returns the output.
func (s *Session) Run(d Directive) (string, error) {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(d.Input, "\n"), "\n") {
		printed, err := s.runLine(d, line)
		if err != nil {
			return "", fmt.Errorf("corpus: %s: %w", line, err)
		}
		out.WriteString(printed)
	}
	return out.String(), nil
}

func (s *Session) runLine(d Directive, line string) (string, error) {
	v, err := s.do(line)
	if err != nil {
		return "", err
	}
	switch d.Name {
	case "do":
		return Print(v) + "\n", nil
	case "sorted":
		return PrintSorted(v) + "\n", nil
	case "between":
		return s.between(d, v)
	case "until":
		for tries := 0; tries < untilTriesMax && Print(v) != strings.TrimSpace(d.Expected); tries++ {
			if p, ok := s.engine.(Passer); ok {
				p.Pass()
			}
			if v, err = s.do(line); err != nil {
				return "", err
			}
		}
		return Print(v) + "\n", nil
	case "quiet":
		if v.IsError() {
			return Print(v) + "\n", nil
		}
		return "", nil
	}
	return "", fmt.Errorf("no directive %q", d.Name)
}

// untilTriesMax ends an until: some 20 seconds on a socket of this machine.
const untilTriesMax = 200_000

func (s *Session) between(d Directive, v reply.Value) (string, error) {
	lo, err := s.number(d.Lo)
	if err != nil {
		return "", err
	}
	hi, err := s.number(d.Hi)
	if err != nil {
		return "", err
	}
	if v.Kind == reply.Integer && lo <= v.Int() && v.Int() <= hi {
		return "within\n", nil
	}
	return Print(v) + "\n", nil
}

func (s *Session) number(text string) (int64, error) {
	b, err := s.expand([]byte(text))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

func (s *Session) do(line string) (reply.Value, error) {
	args, err := ParseCommand(line)
	if err != nil {
		return reply.Value{}, err
	}
	for i := range args {
		if args[i], err = s.expand(args[i]); err != nil {
			return reply.Value{}, err
		}
	}
	return s.engine.Do(args)
}

// expand replaces $now and $nowms, with their offset, by the engine's time.
func (s *Session) expand(arg []byte) ([]byte, error) {
	offset, ok := strings.CutPrefix(string(arg), "$now")
	if !ok {
		return arg, nil
	}
	offset, inMS := strings.CutPrefix(offset, "ms")
	shift := int64(0)
	if offset != "" {
		var err error
		if shift, err = strconv.ParseInt(offset, 10, 64); err != nil {
			return nil, err
		}
	}
	nowMS, err := s.nowMS()
	if err != nil {
		return nil, err
	}
	if !inMS {
		nowMS /= 1000
	}
	return strconv.AppendInt(nil, nowMS+shift, 10), nil
}

func (s *Session) nowMS() (int64, error) {
	v, err := s.engine.Do([][]byte{[]byte("TIME")})
	if err != nil {
		return 0, err
	}
	if len(v.Elems) != 2 {
		return 0, fmt.Errorf("TIME answers %s", Print(v))
	}
	seconds, err1 := strconv.ParseInt(string(v.Elems[0].Bytes), 10, 64)
	micros, err2 := strconv.ParseInt(string(v.Elems[1].Bytes), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("TIME answers %s", Print(v))
	}
	return seconds*1000 + micros/1000, nil
}
