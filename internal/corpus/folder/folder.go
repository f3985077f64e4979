// Package folder runs a folder of the corpus's scripts as tests. It is separate from
// package corpus because programs use that one too.
package folder

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/kvorum/kvorum/internal/corpus"
)

// Run runs each script of a folder in its own test and on its own engine, whose databases
// it empties first.
func Run(t *testing.T, path string, engine func() corpus.Engine) {
	files, err := filepath.Glob(filepath.Join(path, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e := engine()
			if v, err := e.Do([][]byte{[]byte("FLUSHALL")}); err != nil || v.IsError() {
				t.Fatalf("FLUSHALL: %s, %v", corpus.Print(v), err)
			}
			s := corpus.NewSession(e)
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				directive := corpus.Directive{Name: d.Cmd, Input: d.Input, Expected: d.Expected}
				if d.Cmd == "between" {
					d.ScanArgs(t, "lo", &directive.Lo)
					d.ScanArgs(t, "hi", &directive.Hi)
				}
				out, err := s.Run(directive)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				return out
			})
		})
	}
}
