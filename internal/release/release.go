package release

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Release is a commit that was declared a release.
type Release struct {
	Machine int    // the machine version that it brought
	Commit  string // the full name: 40 hexadecimal digits
	Words   string // what people call it
}

func (r Release) String() string {
	return fmt.Sprintf("%s (machine version %d, commit %.12s)", r.Words, r.Machine, r.Commit)
}

//go:embed releases.txt
var list string

// All returns the releases, oldest first.
func All() []Release {
	releases, err := parse(list)
	if err != nil {
		panic("release: releases.txt: " + err.Error()) // cannot happen: a test reads the file
	}
	return releases
}

// OfVersion returns the release that brought a machine version.
func OfVersion(machine int) (Release, bool) {
	for _, r := range All() {
		if r.Machine == machine {
			return r, true
		}
	}
	return Release{}, false
}

// parse reads the list. Its machine versions must be 1, 2, 3, …
func parse(text string) ([]Release, error) {
	var releases []Release
	for number, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r, err := parseLine(line)
		if err == nil && r.Machine != len(releases)+1 {
			err = fmt.Errorf("machine version %d follows %d", r.Machine, len(releases))
		}
		if err == nil && slices.ContainsFunc(releases, func(o Release) bool { return o.Commit == r.Commit }) {
			err = fmt.Errorf("commit %s is there twice", r.Commit)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		releases = append(releases, r)
	}
	return releases, nil
}

func parseLine(line string) (Release, error) {
	fields := strings.SplitN(line, " ", 3)
	if len(fields) < 3 || fields[2] == "" {
		return Release{}, fmt.Errorf("%q is not a version, a commit and words", line)
	}
	machine, err := strconv.Atoi(fields[0])
	if err != nil {
		return Release{}, fmt.Errorf("machine version %q is no number", fields[0])
	}
	if len(fields[1]) != commitDigits || strings.Trim(fields[1], "0123456789abcdef") != "" {
		return Release{}, fmt.Errorf("commit %q is not %d hexadecimal digits", fields[1], commitDigits)
	}
	return Release{Machine: machine, Commit: fields[1], Words: fields[2]}, nil
}

// commitDigits is the length of a commit's full name.
const commitDigits = 40
