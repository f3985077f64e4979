package corpus

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseCommand splits a line of a script into a command's arguments.
func ParseCommand(line string) ([][]byte, error) {
	var args [][]byte
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return args, nil
		}
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			args, line = append(args, []byte(word)), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("corpus: a quote that does not end: %s", line)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("corpus: %s: %w", quoted, err)
		}
		args, line = append(args, []byte(text)), line[len(quoted):]
	}
}
