package keyspace

// Encoding is what OBJECT ENCODING names; it is state, since it can be asked for.
type Encoding uint8

// The encodings of strings (Redis 7.0: object.c, OBJ_ENCODING_*).
const (
	Int Encoding = iota
	Embstr
	Raw
)

// Object is one key with its value. It is immutable once in a database.
type Object struct {
	Key        string
	Str        []byte   // the value of a string, its digits when Encoding is Int
	Encoding   Encoding // what OBJECT ENCODING answers
	DeadlineMS int64    // Unix milliseconds; 0 is none
	AccessMS   int64    // the machine's clock at its last write (OBJECT IDLETIME)
}

// Due reports whether the object is past its deadline on a clock.
func (o *Object) Due(clockMS int64) bool {
	return o.DeadlineMS != 0 && o.DeadlineMS <= clockMS
}
