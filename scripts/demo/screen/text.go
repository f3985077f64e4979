package screen

import (
	"slices"
	"strconv"
	"strings"
)

// bars are the eight heights of a sparkline's columns; nothing at all is a blank.
var bars = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws numbers as columns, the largest as a full one. It is padded
// on the left to width, and shows the last of them if there are more.
func Sparkline(values []int, width int) string {
	values = values[max(0, len(values)-width):]
	var line strings.Builder
	line.WriteString(strings.Repeat(" ", width-len(values)))
	if len(values) == 0 {
		return line.String()
	}
	largest := slices.Max(values)
	for _, v := range values {
		if v <= 0 {
			line.WriteByte(' ')
			continue
		}
		line.WriteRune(bars[(v*len(bars)-1)/largest])
	}
	return line.String()
}

// Clip cuts a line to so many characters; what colours it takes no room.
func Clip(line string, width int) string {
	var kept strings.Builder
	shown, escape := 0, false
	for _, r := range line {
		switch {
		case escape:
			escape = r != 'm'
		case r == '\x1b':
			escape = true
		case shown >= width:
			continue
		default:
			shown++
		}
		kept.WriteRune(r)
	}
	return kept.String()
}

// Thousands writes a number as people read it: 12,345.
func Thousands[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	var parts []string
	for len(digits) > 3 && digits[len(digits)-4] != '-' {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}
