package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/scripts/client"
)

// scene says what is done around a damage.
type scene struct {
	title string
	play  func(*trial) error
}

// The order matters: what a node refuses when it starts alone, it refuses as
// well when others are there.
var scenes = []scene{
	{"alone", (*trial).alone},
	{"restart", (*trial).restart},
	{"leading", (*trial).leading},
}

// outcome says what has become of a damage.
type outcome string

const (
	refusedOutcome  outcome = "refused"  // the node did not start, and named the file
	noticedOutcome  outcome = "noticed"  // it named the file while it ran
	harmlessOutcome outcome = "harmless" // all nodes hold what the books say
	violated        outcome = "VIOLATED"
)

// trial is one damage in one scene, from the restored directories on.
type trial struct {
	cluster   *cluster
	pristine  *pristine
	harm      harm
	books     *books
	outcome   outcome
	violation []string
	healthy   bool // the damaged node serves, and all agree
	named     bool // the damaged node has named the file before it was restarted
}

func (t *trial) damaged() *node  { return t.cluster.nodes[0] }
func (t *trial) intact() []*node { return t.cluster.nodes[1:] }

// run restores the directories and plays the scene.
func (t *trial) run(s scene) error {
	c := t.cluster
	c.kill()
	for i, n := range c.nodes {
		if err := t.pristine.images[i].restore(n.data); err != nil {
			return err
		}
		if err := os.RemoveAll(n.log); err != nil {
			return fmt.Errorf("empty the log of %s: %w", n.id, err)
		}
	}
	t.books = t.pristine.books.clone()
	defer c.kill()
	if err := s.play(t); err != nil {
		return fmt.Errorf("%v, %s: %w", t.harm, s.title, err)
	}
	t.judge()
	return nil
}

func (t *trial) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, known := range t.violation {
		if strings.Split(known, " ")[0] == strings.Split(text, " ")[0] {
			return // once is enough
		}
	}
	t.violation = append(t.violation, text)
}

// slow reports whether nothing was wrong but that something was waited for in
// vain, as also happens on a machine that has too much to do.
func (t *trial) slow() bool {
	for _, text := range t.violation {
		word, _, _ := strings.Cut(text, ":")
		if !slices.Contains(waits, word) {
			return false
		}
	}
	return len(t.violation) > 0
}

// waits are the violations that consist in a time that was too long.
var waits = []string{"STARVED", "STUCK", "APART"}

// alone starts the damaged node, then the follower that lags, then the third.
func (t *trial) alone() error {
	if err := t.harm.do(t.damaged().data); err != nil {
		return err
	}
	if err := t.cluster.start(t.damaged()); err != nil {
		return err
	}
	up := t.damaged().up()
	if !up {
		t.refuses()
		return nil
	}
	t.remembers()
	lagging, complete := t.cluster.nodes[2], t.cluster.nodes[1]
	if err := t.cluster.start(lagging); err != nil {
		return err
	}
	t.chance(lagging)
	if err := t.cluster.start(complete); err != nil {
		return err
	}
	t.finish()
	return nil
}

// remembers wants the damaged node, which has heard nobody yet, in a term that is
// no older than the one that it was in: it may have voted there.
func (t *trial) remembers() {
	var term int64
	err := await(serveWithin, "a term", func() bool {
		view, err := t.damaged().admin.Look()
		term = view.Term
		return t.damaged().ended() || err == nil && term > 0
	})
	if err == nil && t.damaged().runs() && term < t.pristine.term {
		t.violate("FORGOT: the damaged node comes back in term %d, and was in term %d", term, t.pristine.term)
	}
}

// chance waits for the damaged node and another to serve, which they need not.
func (t *trial) chance(other *node) {
	_ = await(chanceWithin, "two nodes to serve", func() bool {
		return t.damaged().ended() || t.damaged().ready() && other.ready()
	})
	for _, n := range []*node{t.damaged(), other} {
		if n.ready() {
			t.read(n)
		}
	}
}

// restart starts the damaged node beside the others.
func (t *trial) restart() error {
	if err := t.harm.do(t.damaged().data); err != nil {
		return err
	}
	if err := t.cluster.start(t.cluster.nodes[:]...); err != nil {
		return err
	}
	up := t.damaged().up()
	t.finish()
	if !up {
		t.refuses()
	}
	return nil
}

// leading damages the node while it leads, and lets the follower come back that lags.
func (t *trial) leading() error {
	c, n, lagging := t.cluster, t.damaged(), t.cluster.nodes[2]
	if err := c.start(c.nodes[:2]...); err != nil {
		return err
	}
	if err := c.leads(n); err != nil {
		return err
	}
	if err := t.harm.do(n.data); err != nil {
		return err
	}
	place := []string{c.join(lagging), "--log-store=" + c.store}
	if t.harm.snapshot() {
		if err := os.RemoveAll(lagging.data); err != nil {
			return err
		}
	}
	if err := lagging.start(place...); err != nil {
		return err
	}
	t.finish()
	if !n.runs() || len(t.violation) > 0 {
		return nil
	}
	t.named = n.names(t.harm.names())
	n.kill()
	if err := c.start(n); err != nil {
		return err
	}
	up := n.up()
	t.finish()
	if !up {
		t.refuses()
	}
	return nil
}

// refuses judges a damaged node that has not started.
func (t *trial) refuses() {
	t.outcome = refusedOutcome
	if !t.damaged().names(t.harm.names()) {
		t.violate("UNNAMED: the node refuses and does not name the file: %s", t.damaged().lastWords())
	}
}

// finish waits until the intact nodes serve and the damaged one serves or has
// ended, and compares everything with the books.
func (t *trial) finish() {
	for _, n := range t.intact() {
		wrong, err := t.cluster.serves(n, t.books, serveWithin)
		t.contradicted(wrong)
		if err != nil {
			t.violate("STARVED: %s, which is intact, does not serve: %v; it said last: %s", n.id, err, n.lastWords())
		}
	}
	n := t.damaged()
	err := await(serveWithin, "the damaged node", func() bool { return !n.runs() || n.ready() })
	if err != nil && !n.names(t.harm.names()) {
		t.violate("STUCK: the damaged node neither serves nor ends, and names nothing; it said last: %s", n.lastWords())
	}
	var living []*node
	for _, n := range t.cluster.nodes {
		if n.ready() {
			t.read(n)
			living = append(living, n)
		}
	}
	t.agree(living)
	for _, n := range t.intact() {
		if n.ended() {
			t.violate("ENDED: %s, which is intact, has ended: %s", n.id, n.lastWords())
		}
		if n.condemned() {
			t.violate("CONDEMNED: %s, which is intact, is marked as diverged", n.id)
		}
	}
	t.healthy = n.ready() && len(t.violation) == 0
}

func (t *trial) agree(living []*node) {
	if len(living) < 2 {
		return
	}
	equal, err := agree(living, serveWithin)
	switch {
	case err != nil && t.damaged().runs():
		t.violate("APART: the nodes that serve do not come to hold the same: %v", err)
	case err == nil && !equal:
		t.violate("DIVERGED: nodes have applied the same index with different hashes or digests")
	}
}

// read compares what a node answers with the books, and counts on.
func (t *trial) read(n *node) {
	conn := client.Conn{Addr: n.addr, Within: askWithin}
	defer conn.Close()
	wrong, err := t.books.compare(&conn)
	t.contradicted(wrong)
	if err != nil {
		return // it answers nothing, which is not wrong
	}
	contradiction, _ := t.books.incr(&conn, "counter:0")
	if contradiction != "" {
		t.contradicted([]string{contradiction})
	}
}

func (t *trial) contradicted(wrong []string) {
	for _, text := range wrong {
		t.violate("%s", text)
	}
}

// judge settles the outcome.
func (t *trial) judge() {
	n := t.damaged()
	named := n.names(t.harm.names())
	t.named = t.named || named
	if n.cmd != nil && n.panicked() {
		t.violate("TRACE: the damaged node ended with a stack trace: %s", n.lastWords())
	}
	if n.ended() && !named {
		t.violate("UNNAMED: the damaged node ended and does not name the file: %s", n.lastWords())
	}
	switch {
	case len(t.violation) > 0:
		t.outcome = violated
	case t.outcome == refusedOutcome:
	case t.named:
		t.outcome = noticedOutcome
	case t.healthy:
		t.outcome = harmlessOutcome
	default:
		t.violate("UNNAMED: the damage is neither named nor harmless")
		t.outcome = violated
	}
}
