package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/internal/release"
)

func first(t *testing.T) release.Release {
	t.Helper()
	r, found := release.OfVersion(1)
	if !found {
		t.Fatal("there is no release of machine version 1")
	}
	return r
}

func TestReleasesCountFromTheFirst(t *testing.T) {
	all := release.All()
	if len(all) == 0 || all[0].Commit != "be38e34eb7120b4b3628355be9ce3bf9ddb81531" {
		t.Fatalf("the releases are %v", all)
	}
	for _, r := range all {
		if again, found := release.OfVersion(r.Machine); !found || again != r {
			t.Errorf("of version %d: %v, %v", r.Machine, again, found)
		}
	}
	if r, found := release.OfVersion(len(all) + 1); found {
		t.Errorf("there is a release after the last: %v", r)
	}
}

func TestAListThatIsWrongIsRefused(t *testing.T) {
	commit := strings.Repeat("a", 40)
	for text, want := range map[string]string{
		"x " + commit + " words": "is no number",
		"2 " + commit + " words": "version 2 follows 0",
		"1 abc words":            "is not 40 hexadecimal digits",
		"1 " + commit:            "is not a version, a commit and words",
		"# remark\n\n1 " + commit + " a\n2 " + commit + " b c\n": "line 4: commit " + commit + " is there twice",
	} {
		if _, err := release.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAReleaseIsBuiltFromHistoryOnce(t *testing.T) {
	path, err := first(t).Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(path, "version").CombinedOutput()
	if err != nil || !strings.Contains(string(said), "kvorum "+first(t).Commit[:12]) {
		t.Errorf("it says %q, %v", said, err)
	}
	again, err := first(t).Binary(t.Context())
	if err != nil || again != path {
		t.Fatalf("again: %s, %v", again, err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || after.ModTime() != before.ModTime() {
		t.Errorf("it was built again: %v", err)
	}
}

// A clone without history says what is missing, and so does a tree without a repository.
func TestWithoutHistoryTheMessageSaysToCloneWithIt(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir()) // where the cache is on other systems
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(t.TempDir()))
	bare := t.TempDir()
	shallow := t.TempDir()
	if said, err := exec.Command("git", "init", "-q", shallow).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for what, dir := range map[string]string{"no repository": bare, "no history": shallow} {
		t.Chdir(dir)
		if path, err := first(t).Binary(t.Context()); err == nil || !strings.Contains(err.Error(), "clone") || !strings.Contains(err.Error(), "history") {
			t.Errorf("%s: %s, %v", what, path, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "kvorum", "releases", "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Whoever upgrades looks there for what a release brings.
func TestEveryReleaseHasItsSectionInTheChangelog(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range release.All() {
		heading := fmt.Sprintf("\n## [Machine version %d] – ", r.Machine)
		_, section, found := strings.Cut(string(text), heading)
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !strings.Contains(section, "Commit "+r.Commit[:7]) {
			t.Errorf("CHANGELOG.md has no section %q that names its commit, %.7s", strings.TrimSpace(heading), r.Commit)
		}
	}
}
