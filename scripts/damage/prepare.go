package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/scripts/client"
)

// pristine is the directories of three nodes that were killed, and what clients
// had been told by then.
//
// The first node and the second hold everything; the third was stopped before
// the last writes. The first node's log begins behind a snapshot (it was made by
// kvorum recover), so that an empty node can only be sent a snapshot.
type pristine struct {
	images [nodeCount]image
	books  *books
	term   int64 // that the first node was in
}

// prepare makes the directories of c's nodes. With sealed, the log grows until
// its first segment is full.
func prepare(c *cluster, sealed bool) (p *pristine, err error) {
	p = &pristine{books: newBooks()}
	defer c.kill()
	if err := p.found(c); err != nil {
		return nil, fmt.Errorf("prepare the directories: %w", err)
	}
	if err := p.grow(c, sealed); err != nil {
		return nil, fmt.Errorf("prepare the directories: %w", err)
	}
	c.kill()
	for i, n := range c.nodes {
		if p.images[i], err = capture(n.data); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// prepareFor makes the directories that a sequence begins with.
func prepareFor(c *cluster, s sequence) (*pristine, error) {
	if s.fresh {
		return &pristine{books: newBooks()}, nil
	}
	p, err := prepare(c, false)
	if err != nil || !s.forked {
		return p, err
	}
	defer c.kill()
	if err := p.fork(c); err != nil {
		return nil, fmt.Errorf("prepare the directories: %w", err)
	}
	return p, nil
}

// fork has the first node store what nobody confirms while it leads, and the
// others go on without it.
func (p *pristine) fork(c *cluster) error {
	first, others := c.nodes[0], c.nodes[1:]
	if err := c.start(c.nodes[:]...); err != nil {
		return err
	}
	if err := c.leads(first); err != nil {
		return err
	}
	for _, n := range others {
		n.kill()
	}
	conn := client.Conn{Addr: first.addr, Within: askWithin}
	defer conn.Close()
	if _, err := p.books.incr(&conn, "counter:1"); err == nil {
		return errors.New("a write was acknowledged by one node of three")
	}
	first.kill()
	if err := c.start(others...); err != nil {
		return err
	}
	if err := p.write(others[0], writesBetween, "fifth"); err != nil {
		return err
	}
	if _, err := agree(others, prepareWithin); err != nil {
		return err
	}
	c.kill()
	for i, n := range c.nodes {
		var err error
		if p.images[i], err = capture(n.data); err != nil {
			return err
		}
	}
	return nil
}

// found makes a cluster of one, makes a new one of it whose log begins behind a
// snapshot, and has the others join that.
func (p *pristine) found(c *cluster) error {
	first := c.nodes[0]
	old := *first
	old.data = first.data + "-founding"
	if err := errors.Join(os.RemoveAll(old.data), os.RemoveAll(first.data)); err != nil {
		return err
	}
	output, err := exec.Command(old.kvorum, "init", "--id="+old.id, "--data="+old.data, "--peer-advertise="+old.peer, "--log-store="+c.store).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kvorum init: %w: %s", err, output)
	}
	if err := old.start(); err != nil {
		return err
	}
	if err := p.write(&old, writesBetween, "first"); err != nil {
		return err
	}
	if err := old.stop(); err != nil {
		return err
	}
	output, err = exec.Command(first.kvorum, "recover", "--id="+first.id, "--from="+old.data, "--data="+first.data,
		"--peer-advertise="+first.peer, "--accept-loss").CombinedOutput()
	if err != nil {
		return fmt.Errorf("kvorum recover: %w: %s", err, output)
	}
	if err := first.start(); err != nil {
		return err
	}
	for _, n := range c.nodes[1:] {
		n.kill()
		if err := os.RemoveAll(n.data); err != nil {
			return err
		}
		if err := n.start(c.join(n), "--log-store="+c.store); err != nil {
			return err
		}
		if err := await(prepareWithin, n.id+" to be ready", n.ready); err != nil {
			return fmt.Errorf("%w; it said last: %s", err, n.lastWords())
		}
	}
	return nil
}

// grow writes, has every node take a snapshot, and writes on without the third.
func (p *pristine) grow(c *cluster, sealed bool) error {
	if err := p.write(c.nodes[0], writesBetween, "second"); err != nil {
		return err
	}
	for _, n := range c.nodes {
		conn := client.Conn{Addr: n.addr, Within: prepareWithin}
		_, err := ask(&conn, "SAVE")
		conn.Close()
		if err != nil {
			return fmt.Errorf("snapshot on %s: %w", n.id, err)
		}
	}
	if err := p.write(c.nodes[1], writesBetween, "third"); err != nil {
		return err
	}
	if _, err := agree(c.nodes[:], prepareWithin); err != nil {
		return err
	}
	if err := c.nodes[2].stop(); err != nil {
		return err
	}
	if sealed {
		if err := p.fill(c.nodes[0]); err != nil {
			return err
		}
	}
	if err := p.write(c.nodes[1], writesBetween, "fourth"); err != nil {
		return err
	}
	if _, err := agree(c.nodes[:2], prepareWithin); err != nil {
		return err
	}
	view, err := c.nodes[0].admin.Look()
	p.term = view.Term
	return err
}

// write counts and stores through one node, once it serves.
func (p *pristine) write(n *node, count int, word string) error {
	conn := client.Conn{Addr: n.addr, Within: askWithin}
	defer conn.Close()
	err := await(prepareWithin, n.id+" to be ready", n.ready)
	for i := 0; i < count && err == nil; i++ {
		wrong := ""
		if wrong, err = p.books.incr(&conn, "counter:"+strconv.Itoa(i%countersInBooks)); wrong != "" {
			return errors.New(wrong)
		}
		if err == nil {
			err = p.books.set(&conn, "text:"+strconv.Itoa(i%textsInBooks), word+":"+strconv.Itoa(i))
		}
	}
	if err != nil {
		return fmt.Errorf("write through %s: %w; it said last: %s", n.id, err, n.lastWords())
	}
	return nil
}

// fill writes large values until a segment of the log is full.
func (p *pristine) fill(n *node) error {
	conn := client.Conn{Addr: n.addr, Within: prepareWithin}
	defer conn.Close()
	value := strings.Repeat("\x00", bigValueBytes)
	segments := func() int {
		found, _ := filepath.Glob(filepath.Join(n.data, "wal", "*.wal"))
		return len(found)
	}
	before := segments()
	for range bigValuesMax {
		if _, err := ask(&conn, "SET", "big", value); err != nil {
			return fmt.Errorf("fill a segment: %w", err)
		}
		if segments() > before {
			return nil
		}
	}
	return fmt.Errorf("%d values of %d bytes have filled no segment", bigValuesMax, bigValueBytes)
}
