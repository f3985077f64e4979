package command

// KeyFlags say what a command does to the keys of a specification.
type KeyFlags uint16

// The flags of key specifications, in Redis's order (7.0: server.h, CMD_KEY_*).
const (
	KeyRW         KeyFlags = 1 << iota // reads and writes what is there
	KeyRO                              // reads
	KeyOW                              // overwrites
	KeyRM                              // removes
	KeyAccess                          // answers or copies the value
	KeyUpdate                          // changes the value
	KeyInsert                          // adds to the value
	KeyDelete                          // takes from the value
	KeyNotKey                          // is no key, but routed as one
	KeyIncomplete                      // does not find all keys
	KeyVariable                        // depends on the arguments
)

// KeySpec is one key specification of a row, as COMMAND INFO shows it: keys
// stand at Begin, Begin+Step, … up to Last.
type KeySpec struct {
	Notes string
	Flags KeyFlags
	Begin int // position of the first key
	Last  int // of the last, counted from Begin; negative: from the end of the arguments
	Step  int
	Limit int // with Last -1: keys end after 1/Limit of the arguments that are left

	vary func(args [][]byte) KeyFlags // KeyVariable: the flags in a given command
}

// flagsIn returns what the command that args make does to its keys.
func (k *KeySpec) flagsIn(args [][]byte) KeyFlags {
	if k.vary != nil {
		return k.vary(args)
	}
	return k.Flags
}

// appendPositions appends where the keys are in a command of argc arguments.
func (k *KeySpec) appendPositions(dst []int, argc int) []int {
	last := k.Begin + k.Last
	if k.Last < 0 {
		last = argc + k.Last
	}
	for i := k.Begin; i <= last && i < argc; i += k.Step {
		dst = append(dst, i)
	}
	return dst
}

// ArgType is the type of an argument in COMMAND DOCS.
type ArgType uint8

// The types of arguments.
const (
	ArgString ArgType = iota
	ArgInteger
	ArgDouble
	ArgKey
	ArgPattern
	ArgUnixTime
	ArgToken
	ArgOneOf
	ArgBlock
)

// Arg is one argument, or a group of them, in COMMAND DOCS.
type Arg struct {
	Name            string
	Type            ArgType
	KeySpec         int // ArgKey: which of the row's specifications
	Token           string
	Since           string
	DeprecatedSince string
	Optional        bool
	Multiple        bool
	MultipleToken   bool
	Args            []Arg
}

// Doc is what COMMAND DOCS shows of a row.
type Doc struct {
	Summary         string
	Since           string // Redis's version; empty: the row is not listed
	Group           string
	Complexity      string
	Flags           []string
	DeprecatedSince string
	ReplacedBy      string
	Args            []Arg
}
