package recorded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Exchange holds what one client sent at once, with the replies.
type Exchange struct {
	Connection int      // counts from 1
	SentMS     int64    // the recorder's clock, the same as the node's, before it sent the commands
	AnsweredMS int64    // the recorder's clock after it had the replies
	Commands   []string // one command or a pipeline of several, as lines of the corpus
	Replies    []string // in the connection's protocol, as the corpus prints them
}

// append appends the exchange in the form of the transcript: a line "= connection sent
// answered", and then, for each command, a line "> command" and a line with its reply.

func (e *Exchange) append(dst []byte) []byte {
	dst = fmt.Appendf(dst, "= %d %d %d\n", e.Connection, e.SentMS, e.AnsweredMS)
	for i := range e.Commands {
		dst = fmt.Appendf(dst, "> %s\n%s\n", e.Commands[i], e.Replies[i])
	}
	return dst
}

// Transcript reads the transcript of an unpacked archive.
func Transcript(dir string) ([]Exchange, error) {
	text, err := os.ReadFile(filepath.Join(dir, "transcript"))
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	exchanges, err := readTranscript(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("recorded: the transcript: %w", err)
	}
	return exchanges, nil
}

func readTranscript(from io.Reader) (all []Exchange, err error) {
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "> "); ok && len(all) > 0 {
			reply, err := in.ReadString('\n')
			if err != nil {
				return nil, err
			}
			last := &all[len(all)-1]
			last.Commands = append(last.Commands, command)
			last.Replies = append(last.Replies, strings.TrimSuffix(reply, "\n"))
			continue
		}
		var e Exchange
		if _, err := fmt.Sscanf(line, "= %d %d %d", &e.Connection, &e.SentMS, &e.AnsweredMS); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		all = append(all, e)
	}
}

// Facts holds what a node reported about itself when its directory was recorded.
type Facts struct {
	Index uint64 // of the last entry that its machine had applied
	Hash  uint64 // the machine's running hash there
	Keys  int    // in database 0
}

func (f Facts) line(stage Stage) string {
	return fmt.Sprintf("%s %d %016x %d\n", stage, f.Index, f.Hash, f.Keys)
}

// FactsOf reads the facts of a stage in an unpacked archive.
func FactsOf(dir string, stage Stage) (Facts, error) {
	text, err := os.ReadFile(filepath.Join(dir, "facts"))
	if err != nil {
		return Facts{}, fmt.Errorf("recorded: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[0] != string(stage) {
			continue
		}
		var f Facts
		var errs [3]error
		f.Index, errs[0] = strconv.ParseUint(fields[1], 10, 64)
		f.Hash, errs[1] = strconv.ParseUint(fields[2], 16, 64)
		f.Keys, errs[2] = strconv.Atoi(fields[3])
		if err := errors.Join(errs[:]...); err != nil {
			return Facts{}, fmt.Errorf("recorded: the facts: %w", err)
		}
		return f, nil
	}
	return Facts{}, fmt.Errorf("recorded: there are no facts of stage %q", stage)
}
