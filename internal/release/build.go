package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Binary returns the path of the release's program for this computer. Unless the program is
// in the user's cache, it builds it from the release's commit, which must be in the
// repository that the working directory belongs to.
func (r Release) Binary(ctx context.Context) (string, error) {
	path, err := r.cached(ctx)
	if err == nil {
		if _, found := os.Stat(path); found == nil {
			return path, nil
		}
		err = r.build(ctx, path)
	}
	if err != nil {
		return "", fmt.Errorf("release: the program of %s: %w", r, err)
	}
	return path, nil
}

// cached returns the program's path in the cache. It depends on the compiler's version.
func (r Release) cached(ctx context.Context) (string, error) {
	home, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for it: %w", err)
	}
	compiler, err := output(ctx, "", "go", "version")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{strings.TrimSpace(string(compiler)), runtime.GOOS, runtime.GOARCH}, "\n")))
	return filepath.Join(home, "kvorum", "releases", fmt.Sprintf("%s-%x", r.Commit, sum[:6]), "kvorum"), nil
}

// build builds the program in a temporary directory and then moves it to its path, so that
// two builds at the same time do not disturb each other.
func (r Release) build(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make its directory: %w", err)
	}
	making, err := os.MkdirTemp(filepath.Dir(path), "making-")
	if err != nil {
		return fmt.Errorf("make a directory to build in: %w", err)
	}
	defer os.RemoveAll(making)
	source := filepath.Join(making, "source")
	if err := r.Source(ctx, source); err != nil {
		return err
	}
	made := filepath.Join(making, "kvorum")
	if _, err := output(ctx, source, "go", "build", "-buildvcs=false",
		"-ldflags", "-X main.release="+r.Commit[:12], "-o", made, "./cmd/kvorum"); err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return fmt.Errorf("put it in its place: %w", err)
	}
	return nil
}

// Source writes the release's source tree to a directory, which must not exist yet.
func (r Release) Source(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make a directory for its source: %w", err)
	}
	top, err := output(ctx, "", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return fmt.Errorf("its source is in the history of the project's repository, and this is none: clone it with its history: %w", err)
	}
	root := strings.TrimSpace(string(top))
	if _, err := output(ctx, root, "git", "cat-file", "-e", r.Commit+"^{commit}"); err != nil {
		return fmt.Errorf("%w: %w", errHistory, err)
	}
	archive, err := output(ctx, root, "git", "archive", "--format=tar", r.Commit)
	if err != nil {
		return err
	}
	unpack := exec.CommandContext(ctx, "tar", "-xf", "-", "-C", dir)
	unpack.Stdin = bytes.NewReader(archive)
	if said, err := unpack.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack its source: %w: %s", err, said)
	}
	return nil
}

var errHistory = errors.New("its commit is not in this repository, which has no full history: " +
	`clone with history, or fetch it by "git fetch --unshallow" (in CI: a checkout of any depth)`)

// output runs a command in a directory, set up for static builds, and returns what it
// prints. An error quotes the command's error output.
func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}
