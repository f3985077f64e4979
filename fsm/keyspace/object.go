package keyspace

import "unsafe"

// Encoding names what OBJECT ENCODING replies. It is part of the state, because clients can ask for
// it.
type Encoding uint8

// The encodings of strings (Redis 7.0: object.c, OBJ_ENCODING_*).
const (
	Int Encoding = iota
	Embstr
	Raw
)

// Object is one key with its value. Put makes objects from drafts, and nothing changes an
// object afterwards. Whoever holds a key or a value may keep referring to its bytes, and
// must not write to them.
//
// It is a header that begins one of two forms:
//
//   - A block is a single allocation: the header, the deadline if there is one, the key,
//     the value. It has no pointers, so the garbage collector does not scan it.
//   - A wide object is larger than a block may be. Its key and its value are
//     allocations of their own, which an object that replaces it can share.
//
// Invariants:
//  1. An Object is the beginning of an allocation. Its flags say which form and fields
//     the allocation has. An Object is never copied: a copy would be a header alone.
//  2. It has a deadline exactly if flagTimed is set.
type Object struct {
	_        noCopy
	accessMS int64
	strBytes uint32 // of a block's value
	keyBytes uint16 // of a block's key
	encoding Encoding
	flags    flags
}

// flags say what follows an object's header.
type flags uint8

const (
	flagTimed flags = 1 << iota // it has a deadline, and begins a timed
	flagWide                    // it begins a wide; else it is a block
)

// timed is the beginning of an object that has a deadline.
type timed struct {
	Object
	deadlineMS int64
}

// wide is an object whose key and value are allocations of their own. It has room for a
// deadline even if it has none.
type wide struct {
	timed
	key string
	str []byte
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

const (
	headerBytes   = int(unsafe.Sizeof(Object{}))
	deadlineBytes = int(unsafe.Sizeof(timed{})) - headerBytes
)

// wide returns the whole of a wide object.
func (o *Object) wide() *wide { return (*wide)(unsafe.Pointer(o)) }

// inBlock returns the address of the byte at an offset into a block's key and value. That
// byte must exist: a pointer to the block's end would keep the next allocation alive.
func (o *Object) inBlock(offset int) *byte {
	at := headerBytes + int(o.flags&flagTimed)*deadlineBytes + offset
	return (*byte)(unsafe.Add(unsafe.Pointer(o), at))
}

// Key returns the key.
func (o *Object) Key() string {
	switch {
	case o.flags&flagWide != 0:
		return o.wide().key
	case o.keyBytes == 0:
		return ""
	}
	return unsafe.String(o.inBlock(0), int(o.keyBytes))
}

// Str returns the value of a string, as digits if the encoding is Int.
func (o *Object) Str() []byte {
	switch {
	case o.flags&flagWide != 0:
		return o.wide().str
	case o.strBytes == 0:
		return nil
	}
	return unsafe.Slice(o.inBlock(int(o.keyBytes)), int(o.strBytes))
}

// Encoding returns the encoding that OBJECT ENCODING names.
func (o *Object) Encoding() Encoding { return o.encoding }

// DeadlineMS returns the deadline in Unix milliseconds; 0 is none.
func (o *Object) DeadlineMS() int64 {
	if o.flags&flagTimed == 0 {
		return 0
	}
	return (*timed)(unsafe.Pointer(o)).deadlineMS
}

// AccessMS returns the machine's clock at the last write (OBJECT IDLETIME).
func (o *Object) AccessMS() int64 { return o.accessMS }

// Due reports whether the object is past its deadline on a clock.
func (o *Object) Due(clockMS int64) bool {
	deadlineMS := o.DeadlineMS()
	return deadlineMS != 0 && deadlineMS <= clockMS
}
