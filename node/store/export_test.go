package store

import (
	"path/filepath"
	"testing"
)

// DropSealedFrom rewrites an identity as the first release does, which does not know
// from where entries are sealed.
func DropSealedFrom(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, identityFile)
	r, _, err := readIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	r.SealedFrom = 0
	text, err := encodeIdentity(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(path, text); err != nil {
		t.Fatal(err)
	}
}
