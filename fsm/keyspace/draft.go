package keyspace

import (
	"unsafe"

	"github.com/kvorum/kvorum/internal/memory"
)

// Draft describes an object to be made. A command fills one in, or takes the draft of an
// existing object and changes it, and then puts it.
type Draft struct {
	Key        []byte // copied
	Str        []byte // the value of a string, its digits when Encoding is Int
	Tail       []byte // the rest of the value, after Str; copied
	Keep       bool   // Str need not be copied: nobody changes its bytes, and the object owns the spare capacity after them
	Encoding   Encoding
	DeadlineMS int64 // Unix milliseconds; 0 is none
	AccessMS   int64
}

// Draft returns a draft from which an equal object could be made. The spare capacity after
// a value belongs to the newest of the objects that share the value. So a draft that is
// put beside its object, and not in its place, must have its Str clipped.
func (o *Object) Draft() Draft {
	return Draft{
		Key: bytesOf(o.Key()), Str: o.Str(), Keep: true,
		Encoding: o.encoding, DeadlineMS: o.DeadlineMS(), AccessMS: o.accessMS,
	}
}

// object makes the object that the draft describes.
func (d *Draft) object() *Object {
	size := headerBytes + len(d.Key) + len(d.Str) + len(d.Tail)
	if d.DeadlineMS != 0 {
		size += deadlineBytes
	}
	if size > blockBytesMax {
		return d.wide()
	}
	return d.block(size)
}

// block makes an object of size bytes in one allocation.
func (d *Draft) block(size int) *Object {
	bytes := make([]byte, size)
	o := (*Object)(unsafe.Pointer(unsafe.SliceData(bytes)))
	o.keyBytes, o.strBytes = uint16(len(d.Key)), uint32(len(d.Str)+len(d.Tail))
	d.header(o)
	at := size - len(d.Key) - len(d.Str) - len(d.Tail)
	at += copy(bytes[at:], d.Key)
	at += copy(bytes[at:], d.Str)
	copy(bytes[at:], d.Tail)
	return o
}

// wide makes an object whose key and value are allocations of their own.
func (d *Draft) wide() *Object {
	w := &wide{key: stringOf(memory.Clone(d.Key)), str: d.Str}
	w.flags = flagWide
	d.header(&w.Object)
	if !d.Keep {
		w.str = memory.Clone(w.str)
	}
	w.str = memory.Append(w.str, d.Tail)
	return &w.Object
}

// header fills in the fields that both forms have.
func (d *Draft) header(o *Object) {
	o.accessMS, o.encoding = d.AccessMS, d.Encoding
	if d.DeadlineMS != 0 {
		o.flags |= flagTimed
		(*timed)(unsafe.Pointer(o)).deadlineMS = d.DeadlineMS
	}
}
