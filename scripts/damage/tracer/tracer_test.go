package tracer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

func TestMain(m *testing.M) {
	tracer.Become()
	if dir := os.Getenv("WRITER_DIR"); dir != "" {
		if os.Getenv("WRITER_AGAIN") != "" {
			os.Exit(writeAgain(dir))
		}
		os.Exit(write(dir))
	}
	os.Exit(m.Run())
}

// write is the program that is traced: six changes below dir, on several threads.
func write(dir string) int {
	code := 0
	step := func(err error) {
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		f, err := os.Create(filepath.Join(dir, "a")) // 1
		step(err)
		_, err = f.WriteAt([]byte("0123456789"), 0) // 2
		step(err)
		step(f.Sync()) // 3
		f.Close()
	}()
	<-over
	step(os.WriteFile(filepath.Join(filepath.Dir(dir), "elsewhere"), []byte("x"), 0o644))
	step(os.Mkdir(filepath.Join(dir, "sub"), 0o755))                  // 4
	step(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b"))) // 5
	step(os.Truncate(filepath.Join(dir, "b"), 9))                     // by path: not counted
	step(os.Remove(filepath.Join(dir, "sub")))                        // 6, and once more as a directory
	return code
}

// writeAgain is another program: it writes to one file, another, and the first again.
func writeAgain(dir string) int {
	for _, name := range []string{"a", "a", "a", "b", "a", "a"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteAt([]byte("0"), 0)
			f.Close()
		}
		if err != nil {
			return 1
		}
	}
	return 0
}

func run(t *testing.T, o tracer.Order) (dir, said string, changes []string, done bool) {
	t.Helper()
	if !tracer.Supported {
		t.Skip("only Linux on amd64 can trace")
	}
	dir = filepath.Join(t.TempDir(), "watched")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Armed, o.Report = dir, true, filepath.Join(filepath.Dir(dir), "report")
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := tracer.Command(o, own)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "WRITER_DIR="+dir)
	pipe, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	cmd.ExtraFiles = []*os.File{pipe}
	text, _ := cmd.CombinedOutput() // it is killed, or fails
	changes, done, err = tracer.Changes(o.Report)
	if err != nil {
		t.Fatalf("%v; it said: %s", err, text)
	}
	return dir, string(text), changes, done
}

func TestTheChangesOfADirectoryAreCountedOverAllThreads(t *testing.T) {
	_, said, changes, done := run(t, tracer.Order{})
	want := []string{"create a", "pwrite a", "fsync a", "mkdir sub", "rename a b", "unlink sub"}
	if len(changes) > 6 {
		changes = changes[:6] // a directory is removed by a second try
	}
	if done || !slices.Equal(changes, want) {
		t.Errorf("changes %q, want %q; it said: %s", changes, want, said)
	}
}

func TestAProgramIsKilledAtItsNthChange(t *testing.T) {
	dir, _, changes, done := run(t, tracer.Order{At: 4, Deed: tracer.Kill})
	if !done || len(changes) != 4 {
		t.Errorf("done %v after %q", done, changes)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "a")); string(content) != "0123456789" {
		t.Errorf("what came before the kill is %q, %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sub")); err == nil {
		t.Error("what came after the kill was done")
	}
}

func TestAWriteIsTorn(t *testing.T) {
	dir, _, _, done := run(t, tracer.Order{At: 2, Deed: tracer.Tear})
	if content, err := os.ReadFile(filepath.Join(dir, "a")); !done || string(content) != "01234" {
		t.Errorf("half of the write is %q, %v", content, err)
	}
}

func TestAChangeFailsOnce(t *testing.T) {
	for deed, cause := range map[tracer.Deed]string{tracer.EIO: syscall.EIO.Error(), tracer.NoSpace: syscall.ENOSPC.Error()} {
		at := map[tracer.Deed]int{tracer.EIO: 3, tracer.NoSpace: 2}[deed]
		dir, said, _, done := run(t, tracer.Order{At: at, Deed: deed})
		if !done || strings.Count(said, cause) != 1 {
			t.Errorf("%s: done %v, it said %q", deed, done, said)
		}
		if _, err := os.Stat(filepath.Join(dir, "b")); err != nil {
			t.Errorf("%s: the program did not go on: %v", deed, err)
		}
	}
}

func TestOnlyTheChangesThatAnOrderIsAboutCount(t *testing.T) {
	_, said, changes, _ := run(t, tracer.Order{Only: ` a`})
	if want := []string{"create a", "pwrite a", "fsync a", "rename a b"}; !slices.Equal(changes, want) {
		t.Errorf("changes %q, want %q; it said: %s", changes, want, said)
	}
}

func TestTheSameChangeInARowCountsSomeTimes(t *testing.T) {
	t.Setenv("WRITER_AGAIN", "1")
	for repeats, want := range map[int]int{0: 6, 1: 3, 2: 5} {
		_, said, changes, _ := run(t, tracer.Order{Only: `write`, Repeats: repeats})
		if len(changes) != want {
			t.Errorf("%d repeats: changes %q, want %d; it said: %s", repeats, changes, want, said)
		}
	}
}
