package setting

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Refusal is the error for a value that CONFIG SET refuses, in Redis's words.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// The refusals that do not depend on a value.
var (
	ErrImmutable = &Refusal{"can't set immutable config"}
	ErrDuplicate = &Refusal{"duplicate parameter"}
)

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// UnknownReply returns the error reply to CONFIG SET for a name that is not in the table.
func UnknownReply(name string) string {
	return fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", name)
}

// RefusedReply returns the error reply to CONFIG SET for a name whose value was refused.
func RefusedReply(name string, err error) string {
	text := err.Error()
	if r := (*Refusal)(nil); errors.As(err, &r) {
		text = r.Text
	}
	return fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", name, text)
}

// Fixed returns nil if CONFIG SET can change the setting, else why it cannot.
func (r *Row) Fixed() error {
	switch {
	case !r.Immutable && r.Scope != Fixed:
		return nil
	case r.Why == "":
		return ErrImmutable
	}
	return &Refusal{r.Why}
}

// Check returns an error if CONFIG SET may not give the setting this value.
func (r *Row) Check(value string) error {
	_, err := r.Parse(value, r.Default)
	return err
}

// Parse returns the canonical form of a value given to CONFIG SET. current is the
// setting's present value, needed because a list of buffer limits names only the classes
// that it changes. For a setting that cannot be changed, Parse returns an error.
func (r *Row) Parse(value, current string) (string, error) {
	if err := r.Fixed(); err != nil {
		return "", err
	}
	return r.Canonical(value, current)
}

// Canonical is Parse for the start of a node, which may also set what CONFIG SET may not.
func (r *Row) Canonical(value, current string) (string, error) {
	switch r.Kind {
	case Bool:
		v := strings.ToLower(value)
		if v != "yes" && v != "no" {
			return "", refuse("argument must be 'yes' or 'no'")
		}
		return v, nil
	case Word:
		v := strings.ToLower(value)
		if !slices.Contains(r.Words, v) {
			return "", refuse("argument(s) must be one of the following: %s", strings.Join(r.Words, ", "))
		}
		return v, nil
	case Integer:
		n, ok := parseInteger(value)
		if !ok {
			return "", refuse("argument couldn't be parsed into an integer")
		}
		return r.within(n)
	case Memory:
		n, fits, ok := parseMemory(value)
		if !ok {
			return "", refuse("argument must be a memory value")
		}
		if !fits {
			return "", r.outOfRange()
		}
		return r.within(n)
	case Percentiles:
		return r.parsePercentiles(value)
	case BufferLimits:
		return parseBufferLimits(value, current)
	}
	return value, nil
}

func (r *Row) within(n int64) (string, error) {
	if n < r.Min || n > r.Max {
		return "", r.outOfRange()
	}
	return strconv.FormatInt(n, 10), nil
}

func (r *Row) outOfRange() error {
	return refuse("argument must be between %d and %d inclusive", r.Min, r.Max)
}

// parseInteger parses a number in the only form that Redis's string2ll accepts: no sign
// but a minus, no leading zeros, no spaces.
func parseInteger(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// parseMemory parses a number of bytes with an optional unit: b, k and kb (1000 and 1024),
// m and mb, g and gb, in upper or lower case. If the number is too large, fits is false
// and n is the largest int64.
func parseMemory(s string) (n int64, fits, ok bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	units := map[string]uint64{"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000_000, "mb": 1 << 20, "g": 1000_000_000, "gb": 1 << 30}
	unit, ok := units[strings.ToLower(s[digits:])]
	if !ok || digits == 0 {
		return 0, false, false
	}
	count, err := strconv.ParseUint(s[:digits], 10, 64)
	hi, lo := bits.Mul64(count, unit)
	if err != nil || hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64, false, true
	}
	return int64(lo), true, true
}

// percentilesMax bounds how many percentiles INFO shows for each command.
const percentilesMax = 32

// parsePercentiles parses a list of percentiles, separated by spaces.
func (r *Row) parsePercentiles(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	words := strings.Split(value, " ")
	if len(words) > percentilesMax {
		return "", refuse("at most %d percentiles can be shown", percentilesMax)
	}
	for i, word := range words {
		percent, err := strconv.ParseFloat(word, 64)
		switch {
		case err != nil && !math.IsInf(percent, 0) || math.IsNaN(percent):
			return "", refuse("Invalid %s parameters", r.Name)
		case percent < 0 || percent > 100:
			return "", refuse("%s parameters should sit between [0.0,100.0]", r.Name)
		}
		words[i] = Decimal(percent)
	}
	return strings.Join(words, " "), nil
}

// PercentilesOf parses the canonical form of a list of percentiles.
func PercentilesOf(canonical string) (percents []float64) {
	for _, word := range strings.Fields(canonical) {
		percent, _ := strconv.ParseFloat(word, 64)
		percents = append(percents, percent)
	}
	return percents
}

// Decimal formats f with at most six digits after the point and without trailing zeros.
func Decimal(f float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(f, 'f', 6, 64), "0"), ".")
}

// bufferClasses are the classes of clients in the order that CONFIG GET names them.
var bufferClasses = []string{"normal", "slave", "pubsub"}

// parseBufferLimits parses a list of limits, and replaces the limits of its classes in current.
func parseBufferLimits(value, current string) (string, error) {
	words := strings.Fields(value)
	if len(words)%4 != 0 {
		return "", refuse("Wrong number of arguments in buffer limit configuration.")
	}
	limits := strings.Fields(current)
	if len(limits) != 4*len(bufferClasses) {
		return "", errors.New("setting: the present buffer limits are malformed")
	}
	for group := range slices.Chunk(words, 4) {
		name := strings.ToLower(group[0])
		if name == "replica" {
			name = "slave"
		}
		class := slices.Index(bufferClasses, name)
		if class < 0 {
			return "", refuse("Invalid client class specified in buffer limit configuration.")
		}
		hard, _, ok1 := parseMemory(group[1]) // Redis, too, accepts more than an int64 holds; it means no limit either way
		soft, _, ok2 := parseMemory(group[2])
		seconds, err := strconv.ParseInt(group[3], 10, 32)
		if !ok1 || !ok2 || err != nil || seconds < 0 {
			return "", refuse("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		for i, n := range []int64{hard, soft, seconds} {
			limits[4*class+1+i] = strconv.FormatInt(n, 10)
		}
	}
	return strings.Join(limits, " "), nil
}

// BufferLimit holds the limits of one class of clients for output that waits to be sent; 0 is none.
type BufferLimit struct {
	HardBytes, SoftBytes, SoftSeconds int64
}

// BufferLimitOf returns the limits of one class ("normal", "slave", "pubsub") from a canonical value.
func BufferLimitOf(canonical, class string) (BufferLimit, bool) {
	words := strings.Fields(canonical)
	i := 4 * slices.Index(bufferClasses, class)
	if i < 0 || len(words) < i+4 {
		return BufferLimit{}, false
	}
	hard, ok1 := parseInteger(words[i+1])
	soft, ok2 := parseInteger(words[i+2])
	seconds, ok3 := parseInteger(words[i+3])
	return BufferLimit{hard, soft, seconds}, ok1 && ok2 && ok3
}
