package segments

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// raft-wal itself still finds such an entry while its segment is the tail.
func TestAnEntryBeforeTheFirstIsNotThere(t *testing.T) {
	path := t.TempDir()
	o := testOptions(path, 0)
	o.New = true
	absent := func(l *Log) {
		t.Helper()
		for index := uint64(0); index < 4; index++ {
			if err := l.GetLog(index, &raft.Log{}); !errors.Is(err, raft.ErrLogNotFound) {
				t.Errorf("entry %d: %v", index, err)
			}
		}
		if err := holds(l, 4, 6); err != nil {
			t.Error(err)
		}
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	store(t, l, 1, 6)
	if err := l.DeleteRange(1, 3); err != nil {
		t.Fatal(err)
	}
	absent(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(testOptions(path, 6)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	absent(l)
}

// The directory decides whether unreadable data is damage.
func TestADiskThatCannotReadAnEntryIsNotCalledDamaged(t *testing.T) {
	o := testOptions(t.TempDir(), 0)
	o.New, o.Dir = true, unreadable{o.Dir, "00000000000000000001-0000000000000001.wal"}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	store(t, l, 1, 7)
	if err := l.GetLog(7, &raft.Log{}); !errors.Is(err, unix.EIO) || errors.As(err, new(*Damage)) {
		t.Error(err)
	}
}
