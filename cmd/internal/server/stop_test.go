package server_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/cmd/internal/server"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// deadDisk is a data directory on a disk that at some moment stops to answer.
type deadDisk struct {
	*store.Dir
	dead   chan struct{} // closed: nothing returns any more, until buried is
	stuck  chan struct{} // closed when a write waits
	buried chan struct{}
	once   *sync.Once
	failed chan struct{}
}

func (d deadDisk) Failed() <-chan struct{} { return d.failed }
func (d deadDisk) Err() error              { return errors.New("the disk does not answer") }

func (d deadDisk) wait() {
	select {
	case <-d.dead:
		d.once.Do(func() { close(d.stuck) })
		<-d.buried
	default:
	}
}

func (d deadDisk) Close() error {
	d.wait()
	return d.Dir.Close()
}

func (d deadDisk) Stores() (node.Stores, error) {
	stores, err := d.Dir.Stores()
	stores.Logs = deadLogs{stores.Logs, d}
	return stores, err
}

type deadLogs struct {
	raft.LogStore
	disk deadDisk
}

func (l deadLogs) IsMonotonic() bool { return true }

func (l deadLogs) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

func (l deadLogs) StoreLogs(logs []*raft.Log) error {
	l.disk.wait()
	return l.LogStore.StoreLogs(logs)
}

// A process whose disk does not answer ends within a second of the verdict, with
// every goroutine that waits for it; its clients are not kept until then.
func TestAServerWhoseDiskDoesNotAnswerEndsAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	disk := deadDisk{dead: make(chan struct{}), stuck: make(chan struct{}), buried: make(chan struct{}), once: new(sync.Once), failed: make(chan struct{})}
	t.Cleanup(func() { close(disk.buried) })
	c.wrap = func(id string, dir *store.Dir) server.Disk {
		if id != "n1" {
			return dir
		}
		disk.Dir = dir
		return disk
	}
	c.startAll()
	if err := c.servers["n1"].Node().TransferLeadership(); err != nil {
		t.Log(err) // it leads or follows: its disk is asked either way
	}
	client := c.dial("n1")
	close(disk.dead)
	if _, err := io.WriteString(client, "SET k v\r\n"); err != nil {
		t.Fatal(err)
	}
	answered := make(chan time.Time, 1)
	go func() {
		_, _ = io.Copy(io.Discard, client)
		answered <- time.Now()
	}()
	<-disk.stuck
	verdict := time.Now()
	close(disk.failed)
	if err := c.servers["n1"].Wait(); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(verdict); took > 1500*time.Millisecond {
		t.Errorf("it ended %v after the verdict", took)
	}
	if took := (<-answered).Sub(verdict); took > time.Second {
		t.Errorf("its client was let go %v after the verdict", took)
	}
	delete(c.servers, "n1")
	if got := c.dial("n2").do(t, "SET k w"); got != "+OK" {
		t.Errorf("SET through another: %s", got)
	}
}
