// Package reply holds the values that commands answer with, apart from any
// protocol version: a connection renders one for RESP2 or RESP3 (RESP), and a
// session stores one in a compact form of its own (codec.go).
package reply

import "math"

// Kind says which RESP type a value has.
type Kind uint8

// The kinds of values. Null and NullArray differ only in RESP2.
const (
	Null Kind = iota
	NullArray
	Simple
	Error
	Integer
	Bulk
	Array
	Map
	Set
	Push
	Double
	Boolean
	BigNumber
	Verbatim
	kindCount
)

// Value is one reply. It is immutable once made: its bytes may be shared with
// the keyspace and are read after every lock has been released.
type Value struct {
	Kind  Kind
	num   int64   // Integer, Boolean; the bits of a Double
	Bytes []byte  // Simple, Error, Bulk, BigNumber; a Verbatim with its "txt:" prefix
	Elems []Value // Array, Set, Push; a Map as key, value, key, value, …
}

// OK is the reply of a command that has nothing else to say.
var OK = Value{Kind: Simple, Bytes: []byte("OK")}

// Int is an integer reply.
func Int(n int64) Value { return Value{Kind: Integer, num: n} }

// Bool is an integer reply of 0 or 1, as most Redis commands answer a truth.
func Bool(b bool) Value {
	if b {
		return Int(1)
	}
	return Int(0)
}

// Truth is a RESP3 boolean (0 or 1 in RESP2).
func Truth(b bool) Value {
	v := Bool(b)
	v.Kind = Boolean
	return v
}

// Bytes is a bulk string that shares b.
func Bytes(b []byte) Value {
	if b == nil {
		b = []byte{}
	}
	return Value{Kind: Bulk, Bytes: b}
}

// Text is a bulk string.
func Text(s string) Value { return Value{Kind: Bulk, Bytes: []byte(s)} }

// Status is a simple string.
func Status(s string) Value { return Value{Kind: Simple, Bytes: []byte(s)} }

// Err is an error reply; text begins with its code, as in "ERR syntax error".
func Err(text string) Value { return Value{Kind: Error, Bytes: []byte(text)} }

// Nil is the null reply ($-1 in RESP2).
func Nil() Value { return Value{Kind: Null} }

// NilArray is the null reply of a command that else answers an array (*-1 in RESP2).
func NilArray() Value { return Value{Kind: NullArray} }

// List is an array of elems.
func List(elems ...Value) Value { return Value{Kind: Array, Elems: elems} }

// MapOf is a map given as key, value, key, value, … (a flat array in RESP2).
func MapOf(pairs ...Value) Value { return Value{Kind: Map, Elems: pairs} }

// SetOf is a set (an array in RESP2).
func SetOf(elems ...Value) Value { return Value{Kind: Set, Elems: elems} }

// Float is a RESP3 double (a bulk string in RESP2).
func Float(f float64) Value { return Value{Kind: Double, num: int64(math.Float64bits(f))} }

// VerbatimText is a RESP3 verbatim string of format "txt" (a bulk string in RESP2).
func VerbatimText(s string) Value { return Value{Kind: Verbatim, Bytes: []byte("txt:" + s)} }

// Int returns the number of an Integer or Boolean.
func (v Value) Int() int64 { return v.num }

// Float returns the number of a Double.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// IsError reports whether v is an error reply.
func (v Value) IsError() bool { return v.Kind == Error }
