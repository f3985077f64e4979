package scripttest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// engine stands in for docker, and writes down what it is asked: $HERE is the label of the
// image with the real name ("none": there is none), $PULLS whether the registry is there,
// and a stand-in that is up to date has been made before.
const engine = `#!/usr/bin/env bash
echo "$*" >>"$ASKED"
case "$*" in
  "image inspect"*kvorum-stand-in/*) { go version; cat go.mod go.sum scripts/docker-base.sh; } | sha256sum | cut -c 1-16 ;;
  "rmi golang:"*) rm -f "$HERE" ;;
  "image inspect"*) cat "$HERE" ;;
  pull*) exit "$PULLS" ;;
esac
`

func TestAStandInHasANameOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		title, here, pulls, builds string
		untags                     bool
	}{
		{"no registry", "none", "1", "kvorum-stand-in/golang:", false},
		{"a registry", "none", "0", "golang:", false},
		{"the image is here", "", "1", "golang:", false},
		{"a stand-in under the real name", "a label", "1", "kvorum-stand-in/golang:", true},
	} {
		dir := t.TempDir()
		asked, here := filepath.Join(dir, "asked"), filepath.Join(dir, "here")
		if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(engine), 0o755); err != nil {
			t.Fatal(err)
		}
		if c.here != "none" {
			if err := os.WriteFile(here, []byte(c.here), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		script := exec.Command("../docker-base.sh")
		script.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "ASKED="+asked, "HERE="+here, "PULLS="+c.pulls)
		var said bytes.Buffer
		script.Stderr = &said
		image, err := script.Output()
		if err != nil || !strings.HasPrefix(string(image), c.builds) || strings.Count(string(image), "\n") != 1 {
			t.Errorf("%s: %q, %v\n%s", c.title, image, err, said.String())
		}
		did, err := os.ReadFile(asked)
		if err != nil || strings.Contains(string(did), "rmi golang:") != c.untags || strings.Contains(string(did), "tag ") || strings.Contains(string(did), "import") {
			t.Errorf("%s: it has asked for\n%s", c.title, did)
		}
	}
}

// Compose cannot leave a build argument out: its default is that of the Dockerfile.
func TestComposeBuildsWithTheImageOfTheDockerfile(t *testing.T) {
	find := func(file, pattern string) string {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has nothing like %s", file, pattern)
		}
		return string(found[1])
	}
	ours, theirs := find("Dockerfile", `(?m)^ARG KVORUM_BUILD_IMAGE=(.+)$`), find("docker-compose.yml", `KVORUM_BUILD_IMAGE: \$\{KVORUM_BUILD_IMAGE:-(.+)\}`)
	if ours != theirs {
		t.Errorf("the Dockerfile builds with %s, docker-compose.yml with %s", ours, theirs)
	}
}
