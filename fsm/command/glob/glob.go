package glob

// Match reports whether name as a whole matches pattern: "*" matches any bytes,
// "?" any one, "[abc]", "[a-c]" and "[^a]" one of (not of) a set, and "\" takes
// the next byte as it is. A set that is not closed ends with the pattern.
//
// An empty name matches an empty pattern only, not even "*", as in Redis, whose
// KEYS and SCAN take "*" for all before they ask.
//
// Only the last "*" met is ever tried again, which decides the same as trying
// all of them: the time is at most len(pattern) times len(name).
func Match(pattern, name []byte) bool { return match(pattern, name, false) }

// MatchFold is Match without regard to ASCII case.
func MatchFold(pattern, name []byte) bool { return match(pattern, name, true) }

func match(pattern, name []byte, fold bool) bool {
	if len(name) == 0 {
		return len(pattern) == 0
	}
	p, n := 0, 0
	star, starName := -1, 0 // where to go on from after the last "*", and how far it reaches
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, starName = p, n
			continue
		}
		if p < len(pattern) {
			ok, size := matchOne(pattern[p:], name[n], fold)
			if ok {
				p += size
				n++
				continue
			}
		}
		if star < 0 {
			return false
		}
		starName++
		p, n = star, starName
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte against the first element of pattern and returns
// how many bytes of the pattern that element takes.
func matchOne(pattern []byte, b byte, fold bool) (ok bool, size int) {
	switch pattern[0] {
	case '?':
		return true, 1
	case '[':
		return matchSet(pattern, b, fold)
	case '\\':
		if len(pattern) > 1 {
			return same(pattern[1], b, fold), 2
		}
	}
	return same(pattern[0], b, fold), 1
}

// matchSet matches one byte against "[…]" and returns the length of the set.
func matchSet(pattern []byte, b byte, fold bool) (ok bool, size int) {
	i := 1
	negated := i < len(pattern) && pattern[i] == '^'
	if negated {
		i++
	}
	found := false
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			found = found || pattern[i] == b
		case i+2 < len(pattern) && pattern[i+1] == '-':
			found = found || inRange(pattern[i], pattern[i+2], b, fold)
			i += 2
		default:
			found = found || same(pattern[i], b, fold)
		}
	}
	if i < len(pattern) {
		i++ // the closing bracket
	}
	return found != negated, i
}

func inRange(lo, hi, b byte, fold bool) bool {
	if lo > hi {
		lo, hi = hi, lo
	}
	if fold {
		lo, hi, b = lower(lo), lower(hi), lower(b)
	}
	return lo <= b && b <= hi
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
