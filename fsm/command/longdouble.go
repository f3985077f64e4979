package command

import (
	"bytes"
	"math/big"
)

// C's long double on x86-64, in which Redis computes INCRBYFLOAT: its precision,
// and the exponents of its largest and smallest values (with a mantissa in
// [0.5, 1), as big.Float counts).
const (
	longDoubleBits   = 64
	longDoubleExpMax = 16384
	longDoubleExpMin = -16444
)

func newLongDouble() *big.Float { return new(big.Float).SetPrec(longDoubleBits) }

// printLongDouble writes 17 decimals without trailing zeros, as Redis's
// "%.17Lf" for people does.
func printLongDouble(f *big.Float) []byte {
	b := f.Append(nil, 'f', 17)
	b = bytes.TrimRight(b, "0")
	b = bytes.TrimSuffix(b, []byte("."))
	if string(b) == "-0" {
		return []byte("0")
	}
	return b
}

// parseLongDouble reads into f what C's strtold reads and Redis lets pass:
// decimal, hexadecimal or infinity, with nothing before or after; no NaN, and
// nothing beyond the range of a long double.
func parseLongDouble(f *big.Float, b []byte) bool {
	if len(b) == 0 || len(b) >= floatBytesMax || bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	if is(b, "inf") || is(b, "infinity") {
		f.SetInf(negative)
		return true
	}
	base, marker := 10, byte('e')
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		base, marker, b = 16, 'p', b[2:]
	}
	n, ok := parseNumeral(b, base, marker)
	if !ok || !n.round(f) {
		return false
	}
	if negative {
		f.Neg(f)
	}
	return true
}

// numeral is a number as it is written: digits, without the point, times the
// base (of the exponent: 10 or 2) to the power of exp.
type numeral struct {
	base   int // of the digits: 10 or 16
	digits []byte
	exp    int
}

func parseNumeral(b []byte, base int, marker byte) (n numeral, ok bool) {
	n.base = base
	point := -1
	i := 0
	for ; i < len(b); i++ {
		if b[i] == '.' && point < 0 {
			point = len(n.digits)
			continue
		}
		if !isDigit(b[i], base) {
			break
		}
		n.digits = append(n.digits, b[i])
	}
	if len(n.digits) == 0 {
		return n, false
	}
	if i < len(b) {
		if b[i]|0x20 != marker {
			return n, false
		}
		if n.exp, ok = parseExponent(b[i+1:]); !ok {
			return n, false
		}
	}
	if point >= 0 {
		fraction := len(n.digits) - point
		if base == 16 {
			fraction *= 4
		}
		n.exp -= fraction
	}
	n.digits = bytes.TrimLeft(n.digits, "0")
	return n, true
}

func isDigit(b byte, base int) bool {
	return '0' <= b && b <= '9' || base == 16 && 'a' <= b|0x20 && b|0x20 <= 'f'
}

// parseExponent reads a signed exponent; one beyond what can matter stays there.
func parseExponent(b []byte) (int, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	exp := 0
	for _, d := range b {
		if !isDigit(d, 10) {
			return 0, false
		}
		exp = min(exp*10+int(d-'0'), floatExponentMax)
	}
	if negative {
		exp = -exp
	}
	return exp, true
}

// round sets f to the nearest long double; false if there is none but 0 or infinity.
func (n *numeral) round(f *big.Float) bool {
	if len(n.digits) == 0 {
		f.SetInt64(0)
		return true
	}
	magnitude := n.exp + len(n.digits) // in decimal digits, where the exponent is decimal
	if n.base == 16 {
		magnitude = (n.exp + 4*len(n.digits)) * 3 / 10
	}
	if magnitude > decimalExponentMax || magnitude < -decimalExponentMax {
		return false
	}
	mantissa, _ := new(big.Int).SetString(string(n.digits), n.base)
	switch {
	case n.base == 16:
		f.SetInt(mantissa)
		f.SetMantExp(f, n.exp)
	case n.exp >= 0:
		f.SetInt(mantissa.Mul(mantissa, power10(n.exp)))
	default:
		f.SetRat(new(big.Rat).SetFrac(mantissa, power10(-n.exp)))
	}
	fraction := new(big.Float)
	exp := f.MantExp(fraction)
	if exp == longDoubleExpMin-1 { // less than the smallest value, and more than half of it is that value
		return fraction.Abs(fraction).Cmp(big.NewFloat(0.5)) > 0
	}
	return exp <= longDoubleExpMax && exp >= longDoubleExpMin
}

func power10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
