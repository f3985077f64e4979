package resp

// splitLine splits an inline command into arguments like Redis's sdssplitargs: double quotes with
// escapes, single quotes, and a closing quote only before a space or at the end. The arguments do
// not share memory with line.
func splitLine(line []byte) ([][]byte, error) {
	var args [][]byte
	for {
		for len(line) > 0 && isSpace(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 {
			return args, nil
		}
		arg, rest, err := splitArgument(line)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		line = rest
	}
}

// splitArgument returns the first argument of line and the rest of the line. A quote may open in
// the middle of an argument; the argument ends where the quote closes.
func splitArgument(line []byte) (arg, rest []byte, err error) {
	arg = []byte{}
	for len(line) > 0 {
		switch c := line[0]; c {
		case ' ', '\n', '\r', '\t':
			return arg, line[1:], nil
		case '"', '\'':
			quoted, rest, ok := unquote(line[1:], c)
			if !ok || len(rest) > 0 && !isSpace(rest[0]) {
				return nil, nil, errQuotes
			}
			return append(arg, quoted...), rest, nil
		default:
			arg = append(arg, c)
			line = line[1:]
		}
	}
	return arg, nil, nil
}

// unquote reads up to the closing quote. ok is false if there is none.
func unquote(line []byte, quote byte) (text, rest []byte, ok bool) {
	for len(line) > 0 {
		c := line[0]
		switch {
		case c == quote:
			return text, line[1:], true
		case c == '\\' && quote == '\'':
			if len(line) > 1 && line[1] == '\'' {
				c, line = '\'', line[1:]
			}
		case c == '\\':
			c, line = unescape(line)
		}
		text = append(text, c)
		line = line[1:]
	}
	return nil, nil, false
}

// unescape reads the escape sequence at the front of line, inside double quotes. It returns the
// byte and the rest of line, starting with the last byte of the sequence.
func unescape(line []byte) (byte, []byte) {
	if len(line) > 3 && line[1] == 'x' {
		high, okHigh := hexDigit(line[2])
		low, okLow := hexDigit(line[3])
		if okHigh && okLow {
			return high<<4 | low, line[3:]
		}
	}
	if len(line) < 2 {
		return line[0], line
	}
	switch c := line[1]; c {
	case 'n':
		return '\n', line[1:]
	case 'r':
		return '\r', line[1:]
	case 't':
		return '\t', line[1:]
	case 'b':
		return '\b', line[1:]
	case 'a':
		return '\a', line[1:]
	default:
		return c, line[1:]
	}
}

// hexDigit returns the value of a hexadecimal digit.
func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// isSpace reports what C's isspace reports.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
