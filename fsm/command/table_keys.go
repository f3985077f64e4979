package command

import "strings"

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

// KeySpec is one key specification of a row, as COMMAND INFO shows it. It finds the first key at the position Begin, or
// behind Keyword; from there keys stand Step apart up to Last, or as many as a count says that stands before them. What no
// such rule finds is hidden.
type KeySpec struct {
	Notes   string
	Flags   KeyFlags
	Begin   int    // position of the first key, or (Counted) of the count; with Keyword where the search for it begins
	Keyword string // in upper case; with Begin below 0 it is searched backwards, from that far before the end
	Last    int    // position of the last key, counted from the first; negative: from the end of the arguments
	Step    int
	Limit   int // with Last -1: keys end after 1/Limit of the arguments that are left
	Counted bool
	Hidden  bool

	find func(args [][]byte) []int    // the positions, where the rule does not tell them
	vary func(args [][]byte) KeyFlags // KeyVariable: the flags in a given command
}

// keyAt specifies one key, at a position.
func keyAt(at int, flags KeyFlags) KeySpec { return KeySpec{Flags: flags, Begin: at, Step: 1} }

// keysFrom specifies keys from a position on, up to last: a position counted from the first, or from the end if negative.
func keysFrom(at, last int, flags KeyFlags) KeySpec {
	return KeySpec{Flags: flags, Begin: at, Last: last, Step: 1}
}

// pairsFrom specifies keys each of which a value follows, from a position to the end.
func pairsFrom(at int, flags KeyFlags) KeySpec {
	return KeySpec{Flags: flags, Begin: at, Last: -1, Step: 2}
}

// countedAt specifies keys behind their count, which is at a position.
func countedAt(at int, flags KeyFlags) KeySpec {
	return KeySpec{Flags: flags, Begin: at, Step: 1, Counted: true}
}

// keyAfter specifies one key behind a word that is searched from a position on.
func keyAfter(word string, from int, flags KeyFlags) KeySpec {
	return KeySpec{Flags: flags, Begin: from, Keyword: word, Step: 1}
}

// halfAfter specifies keys behind a word that is searched from a position on: the first half of all that follows it.
func halfAfter(word string, from int, flags KeyFlags) KeySpec {
	return KeySpec{Flags: flags, Begin: from, Keyword: word, Last: -1, Step: 1, Limit: 2}
}

// hidden specifies keys that no rule finds; foundBy may.
func hidden(flags KeyFlags) KeySpec { return KeySpec{Flags: flags, Hidden: true} }

// noted returns a specification with a note that COMMAND INFO shows.
func (k KeySpec) noted(text string) KeySpec {
	k.Notes = text
	return k
}

// varying returns a specification whose flags depend on the arguments as vary says.
func (k KeySpec) varying(vary func(args [][]byte) KeyFlags) KeySpec {
	k.Flags |= KeyVariable
	k.vary = vary
	return k
}

// foundBy returns a specification whose positions find tells, whatever rule COMMAND INFO shows.
func (k KeySpec) foundBy(find func(args [][]byte) []int) KeySpec {
	k.find = find
	return k
}

// fixed reports whether the keys are known from their number alone.
func (k *KeySpec) fixed() bool { return k.Keyword == "" && !k.Counted && !k.Hidden }

// flagsIn returns what the command that args make does to its keys.
func (k *KeySpec) flagsIn(args [][]byte) KeyFlags {
	if k.vary != nil {
		return k.vary(args)
	}
	return k.Flags
}

// appendPositions appends where the keys are in args. A word that is not there, or a count that is none or goes beyond the
// arguments, leads to no key: the command then answers what is wrong.
func (k *KeySpec) appendPositions(dst []int, args [][]byte) []int {
	first, last := k.Begin, k.Begin+k.Last
	switch {
	case k.find != nil:
		return append(dst, k.find(args)...)
	case !k.fixed():
		first, last = k.search(args)
	case k.Last < 0:
		last = len(args) + k.Last
	}
	last = min(last, len(args)-1)
	if dst == nil && first <= last {
		dst = make([]int, 0, (last-first)/k.Step+1)
	}
	for i := first; i <= last; i += k.Step {
		dst = append(dst, i)
	}
	return dst
}

// search returns the positions of the first and the last key of a specification that is not fixed; no key is 0, -1.
func (k *KeySpec) search(args [][]byte) (first, last int) {
	if k.Hidden {
		return 0, -1
	}
	first = k.Begin
	if k.Keyword != "" {
		if first = k.behindKeyword(args); first == 0 {
			return 0, -1
		}
	}
	switch {
	case k.Counted:
		n, ok := countIn(args, first)
		if !ok {
			return 0, -1
		}
		return first + 1, first + n
	case k.Limit > 0:
		return first, first + (len(args)-first)/k.Limit - 1
	case k.Last < 0:
		return first, len(args) + k.Last
	}
	return first, first + k.Last
}

// behindKeyword returns the position behind the first Keyword; 0 if there is none.
func (k *KeySpec) behindKeyword(args [][]byte) int {
	keyword := strings.ToLower(k.Keyword)
	if k.Begin < 0 {
		for i := len(args) + k.Begin; i > 1; i-- {
			if is(args[i], keyword) {
				return i + 1
			}
		}
		return 0
	}
	for i := k.Begin; i < len(args); i++ {
		if is(args[i], keyword) {
			return i + 1
		}
	}
	return 0
}

// countIn reads the count of keys at a position; false if it is none, or counts more than there is behind it.
func countIn(args [][]byte, at int) (int, bool) {
	if at >= len(args) {
		return 0, false
	}
	n, ok := parseInt(args[at])
	return int(n), ok && 0 <= n && n < int64(len(args)-at)
}

// keyRange returns what COMMAND shows of the keys beside the specifications: the first position, the last and the step of
// those whose positions are fixed, which follow each other (7.0: server.c, populateCommandLegacyRangeSpec).
func (c *Command) keyRange() (first, last, step int) {
	for i := range c.Keys {
		k := &c.Keys[i]
		switch {
		case !k.fixed():
			continue
		case first == 0:
			first = k.Begin
		}
		last, step = k.lastShown(), k.Step
	}
	return first, last, step
}

// lastShown returns the position of the last key, negative if it counts from the end.
func (k *KeySpec) lastShown() int {
	if k.Last < 0 {
		return k.Last
	}
	return k.Begin + k.Last
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
	KeySpec         int // ArgKey: which of the row's specifications; ArgPattern: the same if it is not the first
	Token           string
	Since           string
	DeprecatedSince string
	Optional        bool
	Multiple        bool
	MultipleToken   bool
	Args            []Arg
}

// Doc holds what COMMAND DOCS shows of a row.
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
