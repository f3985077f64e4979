// Package screen shows a demo: lines that stay, and below them, in a terminal,
// a picture that is drawn again and again in the same place. Where the output
// is no terminal there is no picture, and the lines alone tell the story.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Screen is a terminal, or whatever the output goes to.
type Screen struct {
	out      io.Writer
	width    func() int
	terminal bool
	colours  bool
	began    time.Time

	mu    sync.Mutex
	frame []string // as it stands on the terminal
}

// widthDefault is for terminals that do not say.
const widthDefault = 80

// New shows on a file, as os.Stdout. NO_COLOR is obeyed.
func New(out *os.File) *Screen {
	_, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	terminal := err == nil && os.Getenv("TERM") != "dumb"
	return &Screen{
		out: out, terminal: terminal, colours: terminal && os.Getenv("NO_COLOR") == "", began: time.Now(),
		width: func() int {
			size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
			if err != nil || size.Col == 0 {
				return widthDefault
			}
			return int(size.Col)
		},
	}
}

// Live reports whether pictures are shown.
func (s *Screen) Live() bool { return s.terminal }

// Width returns the number of characters that fit a line now.
func (s *Screen) Width() int { return s.width() }

// Line prints a line that stays.
func (s *Screen) Line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frame := s.frame
	s.erase()
	fmt.Fprintf(s.out, format+"\n", args...)
	s.draw(frame)
}

// Event prints a line that stays, with the time since the start.
func (s *Screen) Event(format string, args ...any) {
	s.Line("%s  %s", s.Paint(Dim, fmt.Sprintf("%5.1f s", time.Since(s.began).Seconds())), fmt.Sprintf(format, args...))
}

// Frame draws the picture anew; without a terminal it draws nothing.
func (s *Screen) Frame(lines []string) {
	if !s.terminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.draw(lines)
}

// Wipe takes the picture away.
func (s *Screen) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

func (s *Screen) erase() {
	if len(s.frame) > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", len(s.frame))
	}
	s.frame = nil
}

// draw writes the picture at once, so that it does not flicker.
func (s *Screen) draw(lines []string) {
	if len(lines) == 0 {
		return
	}
	var all strings.Builder
	width := s.width()
	for _, line := range lines {
		all.WriteString(Clip(line, width-1) + "\n")
	}
	fmt.Fprint(s.out, all.String())
	s.frame = lines
}

// Style says how text is painted.
type Style string

// The styles, as the terminal knows them.
const (
	Bold  Style = "1"
	Dim   Style = "2"
	Red   Style = "31"
	Green Style = "32"
	Amber Style = "33"
)

// Paint colours text, where there are colours.
func (s *Screen) Paint(style Style, text string) string {
	if !s.colours {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
