package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/scripts/demo/screen"
)

// folder makes a folder with a file in it.
func folder(t *testing.T, file, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a folder")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A demo removes the folder that its own run has made, and no other.
func TestADemoRemovesOnlyWhatItsRunHasMade(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	fresh := filepath.Join(t.TempDir(), "fresh")
	empty := t.TempDir()
	precious := folder(t, "precious", "")
	for _, c := range []struct {
		title        string
		bin, dir     string
		args         []string
		says         string // "": it starts
		removes, has bool   // bin, dir
	}{
		{"without a folder", folder(t, "made-by", self), "", nil, "", true, false},
		{"kept", folder(t, "made-by", self), "", []string{"-keep"}, "", false, false},
		{"one that is made", folder(t, "made-by", self), fresh, nil, "", true, true},
		{"an empty one", folder(t, "made-by", self), empty, nil, "", true, true},
		{"somebody's", folder(t, "made-by", self), precious, nil, "is not empty, and is left alone", true, true},
		{"another run's binaries", folder(t, "made-by", "1"), "", nil, "no folder of this run", false, false},
		{"somebody's as that of the binaries", precious, "", nil, "no folder of this run", false, false},
		{"a wrong flag", folder(t, "made-by", self), precious, []string{"-port", "1"}, "-port 1", true, true},
		{"help", folder(t, "made-by", self), "", []string{"-help"}, "help requested", true, false},
	} {
		p := &play{name: "failover", screen: screen.New(os.Stderr)}
		err := p.parse(flag.NewFlagSet("demo", flag.ContinueOnError), append([]string{"-bin", c.bin, "-dir", c.dir}, c.args...))
		p.close()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.title, err)
		}
		if exists(c.bin) == c.removes || c.dir != "" && exists(c.dir) != c.has {
			t.Errorf("%s: the binaries' folder is there: %v, the other: %v", c.title, exists(c.bin), exists(c.dir))
		}
		if !exists(filepath.Join(precious, "precious")) {
			t.Fatalf("%s: somebody's file is gone", c.title)
		}
	}
}

// The same, as it is started: from another folder, with a name that has spaces.
func TestTheScriptLeavesNothingAndTakesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	script, err := filepath.Abs("../demo-failover.sh")
	if err != nil {
		t.Fatal(err)
	}
	precious, temporary := folder(t, "precious", ""), filepath.Join(t.TempDir(), "for a while")
	if err := os.Mkdir(temporary, 0o755); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(script, "--dir", filepath.Base(precious))
	run.Dir, run.Env = filepath.Dir(precious), append(os.Environ(), "TMPDIR="+temporary)
	said, err := run.CombinedOutput()
	if err == nil || !strings.Contains(string(said), precious+" is not empty") {
		t.Errorf("it ended with %v:\n%s", err, said)
	}
	if !exists(filepath.Join(precious, "precious")) {
		t.Error("somebody's file is gone")
	}
	run = exec.Command(script, "--bin", precious)
	run.Env = append(os.Environ(), "TMPDIR="+temporary)
	if said, err := run.CombinedOutput(); err == nil || !strings.Contains(string(said), "--bin is what this script says") {
		t.Errorf("with --bin it ended with %v:\n%s", err, said)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
}
