package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kvorum/kvorum/fsm"
	releases "github.com/kvorum/kvorum/internal/release"
)

// Upgrades seen from outside: processes of the release before and of this one in one
// cluster, under load.

var longUpgrade = flag.Bool("upgrades", false, "upgrade, go back and upgrade every node under more load, for some minutes")

// earlierBinary is the program of the release before this one's machine version.
func earlierBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	before, found := releases.OfVersion(fsm.NewestVersion - 1)
	if !found {
		t.Fatalf("there is no release of machine version %d", fsm.NewestVersion-1)
	}
	path, err := before.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// laterBinary builds this program with the rows that stand for what a release adds.
func laterBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kvorum")
	build := exec.Command("go", "build", "-tags", "kvorum_later", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return path
}

// mixed is a cluster of three nodes, each of which runs the program of the release
// before, or this one.
type mixed struct {
	*localRun
	old, new string
	flags    []string
	nodes    [3]*served
}

// startMixed founds a cluster whose nodes run these programs.
func startMixed(t *testing.T, programs func(old, new string) [3]string, flags ...string) *mixed {
	t.Helper()
	m := &mixed{localRun: &localRun{t: t, dir: t.TempDir(), port: freePorts(t, 5)}, old: earlierBinary(t), new: kvorumBinary(t), flags: flags}
	for node, program := range programs(m.old, m.new) {
		m.start(node, program)
	}
	m.awaitAllReady()
	return m
}

func allOld(old, _ string) [3]string { return [3]string{old, old, old} }

func (m *mixed) start(node int, program string) {
	m.t.Helper()
	var list []string
	for i := range m.nodes {
		list = append(list, fmt.Sprintf("n%d=%s", i+1, loopback(m.port+i+peerPortOffset)))
	}
	flags := append([]string{"--cluster", strings.Join(list, ","), patientFlag}, m.flags...)
	m.nodes[node] = startProgram(m.t, program, append([]string{"serve", "--id", fmt.Sprintf("n%d", node+1), "--listen", m.addr(node), "--data", m.data(node)}, flags...)...)
}

// roll has a node run another program, and waits until it is back.
func (m *mixed) roll(node int, program string) {
	m.t.Helper()
	m.nodes[node].stop()
	m.start(node, program)
	begun := time.Now()
	defer func() { m.t.Logf("n%d is back after %v", node+1, time.Since(begun).Round(time.Millisecond)) }()
	eventually(m.t, 30*time.Second, func() error {
		_, err := askReady(m.t.Context(), address{"127.0.0.1", m.port + node + httpPortOffset})
		return err
	})
}

// leadersLast are the nodes in the order of an upgrade.
func (m *mixed) leadersLast() []int {
	leader := m.awaitLeader()
	return []int{(leader + 1) % 3, (leader + 2) % 3, leader}
}

// lead has a node lead.
func (m *mixed) lead(node int) {
	m.t.Helper()
	eventually(m.t, 30*time.Second, func() error {
		if m.leader() == node {
			return nil
		}
		_, err := kvorum(m.t, "members", "transfer", fmt.Sprintf("n%d", node+1), "--addr", m.addr(node))
		if err == nil && m.leader() != node {
			err = errors.New("another node leads")
		}
		return err
	})
}

// sound holds every node against what no release may show: one has ended by itself,
// or the machines differ.
func (m *mixed) sound() {
	m.t.Helper()
	for node, n := range m.nodes {
		select {
		case err := <-n.exit:
			m.t.Fatalf("n%d has ended: %v", node+1, err)
		default:
		}
		metrics := readAll(m.t, "http://"+loopback(m.port+node+httpPortOffset)+"/metrics")
		for _, alarm := range []string{"kvorum_diverged", "kvorum_split"} {
			if !strings.Contains(metrics, "\n"+alarm+" 0\n") {
				m.t.Errorf("n%d: %s is not 0", node+1, alarm)
			}
		}
	}
	eventually(m.t, 20*time.Second, func() error { // one that has just come back may not have answered yet
		found, err := m.client(0).Do(m.t.Context(), "RAFT", "DIGEST", "FULL").Result()
		if fields, _ := found.(map[any]any); err == nil && fields["result"] != "all nodes agree" {
			err = fmt.Errorf("RAFT DIGEST FULL: %v", found)
		}
		return err
	})
}

// traffic counts through every node, reads what it has counted through another one,
// and sends large commands. Its clients send a command again when their connection
// ends, as go-redis does by default, and go to another node meanwhile: they must
// hear of no error, lose nothing, find nothing done twice, and read nothing old.
type traffic struct {
	m     *mixed
	end   context.CancelFunc
	going sync.WaitGroup
	done  [3]atomic.Int64 // increments, by the node that they were meant for
	large atomic.Int64
}

func (m *mixed) load(clientsPerNode int) *traffic {
	l := &traffic{m: m}
	ctx, end := context.WithCancel(context.Background())
	l.end = end
	m.t.Cleanup(end)
	for node := range m.nodes {
		for i := range clientsPerNode {
			l.going.Go(func() { l.count(ctx, node, fmt.Sprintf("counted:%d:%d", node, i)) })
		}
	}
	l.going.Go(func() { l.append(ctx) })
	return l
}

// reaching makes a client that prefers a node.
func (m *mixed) reaching(node int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "any", ReadTimeout: 20 * time.Second, Dialer: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		for i := range m.nodes {
			if conn, err = new(net.Dialer).DialContext(ctx, "tcp", m.addr((node+i)%3)); err == nil {
				break
			}
		}
		return conn, err
	}})
}

func (l *traffic) count(ctx context.Context, node int, key string) {
	writes, reads := l.m.reaching(node), l.m.reaching(node+1)
	defer writes.Close()
	defer reads.Close()
	for n := int64(1); ctx.Err() == nil; n++ {
		if got, err := writes.Incr(context.Background(), key).Result(); err != nil || got != n {
			l.m.t.Errorf("%s: increment %d through n%d is answered %d, %v", key, n, node+1, got, err)
			return
		}
		if got, err := reads.Get(context.Background(), key).Int64(); err != nil || got != n {
			l.m.t.Errorf("%s: %d is read after increment %d, %v", key, got, n, err)
			return
		}
		l.done[node].Add(1)
	}
}

// append sends commands that are larger than an entry. One that is applied twice makes
// a value, now or at the next turn, of twice the size.
func (l *traffic) append(ctx context.Context) {
	value := strings.Repeat("x", largeBytes)
	for node := 0; ctx.Err() == nil; node = (node + 1) % 3 {
		c := l.m.reaching(node)
		got, err := c.Append(context.Background(), "large", value).Result()
		if err != nil || got != largeBytes {
			l.m.t.Errorf("a large value has %d bytes of %d, %v", got, largeBytes, err)
		}
		if gone, err := c.Del(context.Background(), "large").Result(); err != nil || gone != 1 {
			l.m.t.Errorf("%d large values are deleted, %v", gone, err)
		}
		c.Close()
		l.large.Add(1)
		waitFor(ctx, time.Second)
	}
}

const largeBytes = 3 << 20

// flows waits until more has been done through each node.
func (l *traffic) flows() {
	l.m.t.Helper()
	before := [3]int64{l.done[0].Load(), l.done[1].Load(), l.done[2].Load()}
	eventually(l.m.t, 30*time.Second, func() error {
		for node := range before {
			if now := l.done[node].Load(); now < before[node]+3 && !l.m.t.Failed() {
				return fmt.Errorf("%d increments were answered through n%d", now-before[node], node+1)
			}
		}
		return nil
	})
}

// stop ends the traffic and looks at what is stored.
func (l *traffic) stop() {
	l.m.t.Helper()
	l.end()
	l.going.Wait()
	c := l.m.client(0)
	if got, err := c.StrLen(l.m.t.Context(), "large").Result(); err != nil || got != 0 {
		l.m.t.Errorf("a large value has come back with %d bytes, %v", got, err)
	}
	l.m.t.Logf("%d, %d and %d increments and reads, %d large commands", l.done[0].Load(), l.done[1].Load(), l.done[2].Load(), l.large.Load())
}

// upgrading are the versions that a node's status tells.
func (m *mixed) version(node int) (active, newest uint64) {
	m.t.Helper()
	active, newest = 1, 1 // the first release says nothing
	found, err := m.client(node).Do(m.t.Context(), "RAFT", "STATUS").Result()
	fields, ok := found.(map[any]any)
	if err != nil || !ok {
		m.t.Fatalf("RAFT STATUS: %v, %v", found, err)
	}
	if v, said := fields["machine-version"].(int64); said {
		active, newest = uint64(v), uint64(fields["machine-version-newest"].(int64))
	}
	return active, newest
}

func (m *mixed) awaitVersion(want uint64) {
	m.t.Helper()
	eventually(m.t, 20*time.Second, func() error {
		for node := range m.nodes {
			if active, _ := m.version(node); active != want {
				return fmt.Errorf("n%d is at machine version %d", node+1, active)
			}
		}
		return nil
	})
}

// A cluster of the release before gets this program node by node, goes back, is
// upgraded again and raised, while clients of all nodes write and read.
func TestAnUpgradeIsUnseenAndHasAWayBackUntilItIsFinished(t *testing.T) {
	t.Parallel()
	m := startMixed(t, allOld)
	m.new = laterBinary(t)
	clients, backs := 1, 1
	if *longUpgrade {
		clients, backs = 4, 3
	}
	load := m.load(clients)
	load.flows()
	up := func() {
		t.Helper()
		for _, node := range m.leadersLast() {
			if m.nodes[node].cmd.Path != m.new {
				m.roll(node, m.new)
				load.flows()
			}
		}
		m.sound()
	}
	up()
	for back := range backs {
		for i, node := range m.leadersLast() {
			if i == 0 && !*longUpgrade {
				continue // a majority goes back, the leader among it
			}
			m.roll(node, m.old)
			load.flows()
		}
		m.sound()
		if active, _ := m.version(back % 3); active != 1 {
			t.Fatalf("the machine is at version %d before the raise", active)
		}
		for node := range m.nodes {
			if !*longUpgrade && node != m.awaitLeader() {
				continue
			}
			m.lead((node + 1) % 3)
			load.flows()
		}
		up()
	}
	for node := range m.nodes {
		if err := m.client(node).Do(t.Context(), "LATER", "new").Err(); err == nil || !strings.HasPrefix(err.Error(), "ERR 'later' needs machine version 2, and this cluster is at version 1 ") {
			t.Errorf("n%d answers a command of the next version with %v", node+1, err)
		}
	}
	if out, err := kvorum(t, "upgrade", "finish", "--addr", m.addr(1)); err != nil {
		t.Fatalf("kvorum upgrade finish: %s%v", out, err)
	}
	for node := range m.nodes { // at once: the one that lags asks the leader
		if err := m.client(node).Do(t.Context(), "LATER", "new").Err(); err != nil {
			t.Errorf("n%d answers a command of the version that is active with %v", node+1, err)
		}
		if got, err := m.client((node+1)%3).Do(t.Context(), "GETLATER", "new").Text(); got != "later" || err != nil {
			t.Errorf("what it has written is read as %q, %v", got, err)
		}
	}
	m.awaitVersion(fsm.NewestVersion)
	load.flows()
	m.sound()
	load.stop()
	m.sound()
}
