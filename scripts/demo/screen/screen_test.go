package screen

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestASparklineShowsTheLastNumbersToScale(t *testing.T) {
	for _, c := range []struct {
		values []int
		width  int
		want   string
	}{
		{nil, 3, "   "},
		{[]int{0, 0}, 2, "  "},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8}, 8, "▁▂▃▄▅▆▇█"},
		{[]int{1, 0, 1000}, 5, "  ▁ █"}, // a little is not nothing
		{[]int{8, 8, 4, 2}, 2, "█▄"},
		{[]int{5, 5}, 2, "██"},
	} {
		if got := Sparkline(c.values, c.width); got != c.want {
			t.Errorf("%v in %d: %q, want %q", c.values, c.width, got, c.want)
		}
	}
}

func TestClippingCountsWhatIsSeen(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"abcdef", 3, "abc"},
		{"▁▂▃", 2, "▁▂"},
		{"\x1b[31mred\x1b[0m and more", 3, "\x1b[31mred\x1b[0m"},
		{"abc", 10, "abc"},
	} {
		if got := Clip(c.line, c.width); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -999: "-999", -1000: "-1,000", -123456: "-123,456"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestALineStaysAboveThePicture(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, terminal: true, width: func() int { return 6 }, began: time.Now()}
	s.Frame([]string{"picture", "two"})
	s.Line("a line that is longer")
	s.Wipe()
	s.Wipe()
	want := "pictu\ntwo\n" + "\x1b[2A\r\x1b[J" + "a line that is longer\n" + "pictu\ntwo\n" + "\x1b[2A\r\x1b[J"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestWithoutATerminalThereAreOnlyPlainLines(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := New(file)
	s.Frame([]string{"picture"})
	s.Line("%s %d", s.Paint(Red, "line"), 1)
	s.Wipe()
	got, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "line 1\n" || s.Live() {
		t.Errorf("%q", got)
	}
}
