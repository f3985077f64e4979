package command

import (
	"fmt"
	"strings"
)

// usage reads the string that a row begins with: the command as a client types it. It names the command and its arguments in
// the order in which they are sent, and both the arity and what COMMAND DOCS shows of the arguments follow from it.
//
//	config|set         the name; a sub-command's follows its container's after a bar
//	key                an argument that is a key
//	value              an argument of any bytes
//	seconds:int        one of another type: int, double, time, pattern, string, key
//	source:key         a key; the first of a usage is of the row's first specification, and so on, the last ones of its last
//	destination:key3   a key of the row's third specification
//	pattern:pattern2   a pattern that stands for keys of the second
//	NX                 a word that is typed as it stands
//	auto_id:*          such a word that is documented under another name; "" is the empty one
//	EX seconds:int     an argument behind a word
//	name=(a b)         arguments that belong together
//	name=(a | b)       one of several
//	[a] name=[a | b]   what may be left out
//	a...               one or more
//	[GET pattern]...   none or more, each behind the word
//	a@6.2.0            since that version of Redis
//	a@2.4.0..2.8.12    and deprecated since that one; either may be left out
type usage struct {
	text string
	at   int
	err  error
}

// usageTypes are the types of arguments by what a usage calls them.
var usageTypes = map[string]ArgType{
	"string": ArgString, "int": ArgInteger, "double": ArgDouble, "key": ArgKey, "pattern": ArgPattern, "time": ArgUnixTime,
}

// keyInTurn is the specification of a key whose usage names none.
const keyInTurn = -1

// parseUsage returns the name and the arguments of a command.
func parseUsage(text string) (name string, args []Arg, err error) {
	name, rest, _ := strings.Cut(text, " ")
	if name == "" || isWord(name) || strings.ToLower(name) != name {
		return "", nil, fmt.Errorf("usage %q: it does not begin with a name in lower case", text)
	}
	u := usage{text: rest}
	args, oneOf := u.list(0)
	if oneOf {
		u.fail("alternatives stand in name=(a | b)")
	}
	if u.err != nil {
		return "", nil, fmt.Errorf("usage %q: %w", text, u.err)
	}
	return name, args, nil
}

// fail keeps the first error, and ends the reading.
func (u *usage) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf("at %q: %s", u.text[u.at:], fmt.Sprintf(format, args...))
	}
	u.at = len(u.text)
}

// peek returns the next byte behind spaces, 0 at the end.
func (u *usage) peek() byte {
	for u.at < len(u.text) && u.text[u.at] == ' ' {
		u.at++
	}
	if u.at == len(u.text) {
		return 0
	}
	return u.text[u.at]
}

// skip goes past mark if it comes next, without a space before it.
func (u *usage) skip(mark string) bool {
	if !strings.HasPrefix(u.text[u.at:], mark) {
		return false
	}
	u.at += len(mark)
	return true
}

// word returns what comes up to the next space or mark.
func (u *usage) word() string {
	u.peek()
	rest := u.text[u.at:]
	if end := strings.IndexAny(rest, " ()[]|@"); end >= 0 {
		rest = rest[:end]
	}
	rest, _, _ = strings.Cut(rest, "...")
	u.at += len(rest)
	return rest
}

// list reads arguments up to the closing mark (0: the end), in sequence or as alternatives.
func (u *usage) list(closing byte) (args []Arg, oneOf bool) {
	bars := 0
	for {
		switch next := u.peek(); next {
		case closing:
			if closing != 0 {
				u.at++
			}
			if bars > 0 && len(args) != bars+1 {
				u.fail("an alternative is one argument; several stand in name=(a b)")
			}
			return args, bars > 0
		case 0:
			u.fail("%q is missing", closing)
			return args, bars > 0
		case '|':
			u.at++
			if bars++; len(args) != bars {
				u.fail("an alternative is one argument; several stand in name=(a b)")
			}
		default:
			args = append(args, u.element())
		}
	}
}

// element reads one argument with what follows it: its repetition and its versions.
func (u *usage) element() Arg {
	first := u.peek()
	a := u.argument(first)
	if u.skip("...") {
		a.Multiple = true
		a.MultipleToken = (first == '[' || first == '(') && a.Token != ""
	}
	if u.skip("@") {
		a.Since, a.DeprecatedSince = u.versions()
	}
	return a
}

// argument reads one argument that begins with first.
func (u *usage) argument(first byte) Arg {
	if first == '(' || first == '[' {
		return u.group("", first)
	}
	word := u.word()
	if label, ok := strings.CutSuffix(word, "="); ok && (u.skip("(") || u.skip("[")) {
		u.at--
		return u.group(label, u.text[u.at])
	}
	name, typ, typed := cutLast(word)
	switch {
	case word == "":
		u.fail("an argument is missing")
	case isWord(word) && u.operandFollows():
		a := u.element()
		a.Token = word
		return a
	case isWord(word):
		return Arg{Name: strings.ToLower(word), Type: ArgToken, Token: word}
	case typed && isWord(typ):
		return Arg{Name: name, Type: ArgToken, Token: strings.Trim(typ, `"`)}
	}
	return argumentOf(word, name, typ)
}

// argumentOf returns the argument that a name with its type stands for. A colon that no type follows is part of the name.
func argumentOf(word, name, typ string) Arg {
	if word == "key" {
		return Arg{Name: word, Type: ArgKey, KeySpec: keyInTurn}
	}
	if t, known := usageTypes[typ]; known {
		spec := 0
		if t == ArgKey {
			spec = keyInTurn
		}
		return Arg{Name: name, Type: t, KeySpec: spec}
	}
	if last := len(typ) - 1; last > 0 && '1' <= typ[last] && typ[last] <= '9' {
		if t := usageTypes[typ[:last]]; t == ArgKey || t == ArgPattern {
			return Arg{Name: name, Type: t, KeySpec: int(typ[last] - '1')}
		}
	}
	return Arg{Name: word}
}

// operandFollows reports whether the word just read is one that an argument stands behind.
func (u *usage) operandFollows() bool {
	at := u.at
	next := u.word()
	u.at = at
	_, typ, typed := cutLast(next)
	return next != "" && !isWord(next) && !(typed && isWord(typ))
}

// group reads what is in brackets: one argument, or, with a name, several.
func (u *usage) group(name string, opening byte) Arg {
	closing := byte(')')
	if opening == '[' {
		closing = ']'
	}
	u.at++
	args, oneOf := u.list(closing)
	a := Arg{Name: name, Type: ArgBlock, Args: args}
	switch {
	case len(args) == 0:
		u.fail("there is nothing in the brackets")
	case name == "" && len(args) > 1:
		u.fail("several arguments in brackets have a name: name=%c…%c", opening, closing)
	case name == "":
		a = args[0]
	case oneOf:
		a.Type = ArgOneOf
	}
	a.Optional = a.Optional || opening == '['
	return a
}

// versions reads since which version an argument is there, and since which it is deprecated.
func (u *usage) versions() (since, deprecated string) {
	end := u.at
	for end < len(u.text) && (u.text[end] == '.' || '0' <= u.text[end] && u.text[end] <= '9') {
		end++
	}
	since, deprecated, ranged := strings.Cut(u.text[u.at:end], "..")
	if !isVersion(since) && (since != "" || !ranged) || ranged && !isVersion(deprecated) {
		u.fail("a version is three numbers")
	}
	u.at = end
	return since, deprecated
}

// isVersion reports whether s, of digits and dots, is a version of three numbers.
func isVersion(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) == 3 && parts[0] != "" && parts[1] != "" && parts[2] != ""
}

// isWord reports whether s is typed as it stands: it has no lower-case letter.
func isWord(s string) bool {
	for i := range len(s) {
		if 'a' <= s[i] && s[i] <= 'z' {
			return false
		}
	}
	return s != ""
}

// cutLast cuts a name from the type behind its last colon.
func cutLast(word string) (name, typ string, found bool) {
	i := strings.LastIndexByte(word, ':')
	if i < 0 {
		return word, "", false
	}
	return word[:i], word[i+1:], true
}

// numberKeys names the specification of each key among args that names none: in turn, the last of count specifications for
// all that are left. It returns the specification of the next key.
func numberKeys(args []Arg, next, count int) int {
	for i := range args {
		a := &args[i]
		if a.Type == ArgKey && a.KeySpec == keyInTurn {
			a.KeySpec = max(min(next, count-1), 0)
			next++
		}
		next = numberKeys(a.Args, next, count)
	}
	return next
}

// size returns how many words args are at least, and whether they are never more.
func size(args []Arg) (least int, exact bool) {
	exact = true
	for i := range args {
		words, same := args[i].size()
		if args[i].Optional {
			words, same = 0, false
		}
		least += words
		exact = exact && same
	}
	return least, exact
}

// size returns how many words an argument that is not left out is at least, and whether it is never more.
func (a *Arg) size() (least int, exact bool) {
	least, exact = 1, true
	switch a.Type {
	case ArgToken:
		return 1, !a.Multiple
	case ArgBlock:
		least, exact = size(a.Args)
	case ArgOneOf:
		least, exact = a.Args[0].size()
		for i := range a.Args[1:] {
			words, same := a.Args[1+i].size()
			exact = exact && same && words == least
			least = min(least, words)
		}
	}
	if a.Token != "" {
		least++
	}
	return least, exact && !a.Multiple
}
