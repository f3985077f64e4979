// Package reply holds the values with which commands reply, independent of the protocol
// version. A connection renders a value for RESP2 or RESP3 (resp.go). A session stores it
// in a compact form (codec.go).
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

// Value is one reply. It is immutable once made: its bytes may be shared with the keyspace,
// and are read after all locks have been released.
type Value struct {
	Kind  Kind
	num   int64   // Integer, Boolean; the bits of a Double
	Bytes []byte  // Simple, Error, Bulk, BigNumber; a Verbatim with its "txt:" prefix
	Elems []Value // Array, Set, Push; a Map as key, value, key, value, …
}

// OK is the simple string "OK".
var OK = Value{Kind: Simple, Bytes: []byte("OK")}

// Int returns an integer reply.
func Int(n int64) Value { return Value{Kind: Integer, num: n} }

// Bool returns an integer reply of 0 or 1, as which most Redis commands return a boolean.
func Bool(b bool) Value {
	if b {
		return Int(1)
	}
	return Int(0)
}

// Truth returns a RESP3 boolean (0 or 1 in RESP2).
func Truth(b bool) Value {
	v := Bool(b)
	v.Kind = Boolean
	return v
}

// Bytes returns a bulk string that shares b.
func Bytes(b []byte) Value {
	if b == nil {
		b = []byte{}
	}
	return Value{Kind: Bulk, Bytes: b}
}

// Text returns a bulk string.
func Text(s string) Value { return Value{Kind: Bulk, Bytes: []byte(s)} }

// Status returns a simple string.
func Status(s string) Value { return Value{Kind: Simple, Bytes: []byte(s)} }

// Err returns an error reply. The text begins with the error's code, as in "ERR syntax error".
func Err(text string) Value { return Value{Kind: Error, Bytes: []byte(text)} }

// Nil returns the null reply ($-1 in RESP2).
func Nil() Value { return Value{Kind: Null} }

// NilArray returns the null reply of a command that otherwise returns an array (*-1 in RESP2).
func NilArray() Value { return Value{Kind: NullArray} }

// List returns an array of elems.
func List(elems ...Value) Value { return Value{Kind: Array, Elems: elems} }

// MapOf returns a map, given as key, value, key, value, … (a flat array in RESP2).
func MapOf(pairs ...Value) Value { return Value{Kind: Map, Elems: pairs} }

// SetOf returns a set (an array in RESP2).
func SetOf(elems ...Value) Value { return Value{Kind: Set, Elems: elems} }

// Float returns a RESP3 double (a bulk string in RESP2).
func Float(f float64) Value { return Value{Kind: Double, num: int64(math.Float64bits(f))} }

// VerbatimText returns a RESP3 verbatim string of format "txt" (a bulk string in RESP2).
func VerbatimText(s string) Value { return Value{Kind: Verbatim, Bytes: []byte("txt:" + s)} }

// Int returns the number of an Integer or Boolean.
func (v Value) Int() int64 { return v.num }

// Float returns the number of a Double.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// IsError reports whether v is an error reply.
func (v Value) IsError() bool { return v.Kind == Error }
