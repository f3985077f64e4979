package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
)

// processes counts those whose command line has the text.
func processes(t *testing.T, text string) int {
	t.Helper()
	all, err := exec.Command("ps", "-axww", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(all), "--data="+text)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// However it ends, its cluster ends with it; unless it is killed, so does what is on the disk.
func TestNoClusterOutlivesIt(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	t.Parallel()
	built := t.TempDir()
	chaos, kvorum := filepath.Join(built, "chaos"), filepath.Join(built, "kvorum")
	if said, err := exec.Command("go", "build", "-o", built, ".", "../../cmd/kvorum").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, said)
	}
	port := 13200 + 10*rand.IntN(700) // the nodes use + 10000 among each other, below what the system hands out
	for i, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			temporary := t.TempDir()
			run := exec.Command(chaos, "-kvorum", kvorum, "-kills", "1000", "-port", strconv.Itoa(port+3*i))
			run.Env = append(os.Environ(), "TMPDIR="+temporary)
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = run.Process.Kill() })
			eventually(t, "three nodes", func() bool { return processes(t, temporary) == nodeCount })
			if i%2 == 1 { // under load, and not only at the start
				admin := client.Conn{Addr: fmt.Sprint("127.0.0.1:", port+3*i)}
				eventually(t, "clients that count", func() bool {
					answer, err := admin.Do("DBSIZE")
					return err == nil && !answer.IsError() && answer.Int() > 0
				})
				admin.Close()
			}
			if err := run.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); err == nil {
				t.Error("it says that all is well")
			}
			eventually(t, fmt.Sprint("the nodes to end after ", s), func() bool { return processes(t, temporary) == 0 })
			if left, err := os.ReadDir(temporary); s != syscall.SIGKILL && (err != nil || len(left) > 0) {
				t.Errorf("it has left %v, %v", left, err)
			}
		})
	}
}
