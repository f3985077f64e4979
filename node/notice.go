package node

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// notices tells followers of a commit at once if no entry follows that would carry the news. A
// notice is an empty AppendEntries, an ordinary Raft message that is sent outside Raft. Its term,
// index and previous term are those of the committed entry, and are read once, when it was
// committed. A follower commits up to the smaller of the index that it is told and its own last
// index, so it must be told of nothing that was not compared. The answer only decides whether to
// try again.
//
// A follower whose own batches were in the entry is told at once, because its clients wait. The
// others are told after noticeDelay, if no entry has been proposed by then: usually the next
// writes of busy clients have been.
type notices struct {
	node *Node
	wake chan struct{}

	mu     sync.Mutex
	latest notice
	boxes  map[raft.ServerID]*noticeBox
}

// notice says that the entry at index, of term, is committed.
type notice struct {
	index, term uint64
	begun       uint64 // how many entries had been proposed
}

// noticeBox belongs to one follower. Its sender goroutine takes the newest notice.
type noticeBox struct {
	wake   chan struct{}
	over   chan struct{} // closed when the follower has left the configuration
	mu     sync.Mutex
	notice notice
	addr   raft.ServerAddress
}

func newNotices(n *Node) *notices {
	return &notices{node: n, wake: make(chan struct{}, 1), boxes: map[raft.ServerID]*noticeBox{}}
}

// committed is called when an entry that was proposed in term has been committed and nothing waits
// behind it.
func (n *notices) committed(index, term uint64, taken []forward) {
	// The entry's own term lies between the term in which it was proposed and the current one. If
	// this node still leads in that term, they are equal.
	if now, leads := n.node.leads(); !leads || now != term {
		return
	}
	news := notice{index: index, term: term, begun: n.node.committer.begun.Load()}
	n.mu.Lock()
	n.latest = news
	n.mu.Unlock()
	signal(n.wake)
	for i := range taken {
		n.tell(raft.ServerID(taken[i].server), news)
	}
}

// tell hands a notice to a follower's sender.
func (n *notices) tell(server raft.ServerID, news notice) {
	n.mu.Lock()
	box := n.boxes[server]
	n.mu.Unlock()
	if box == nil {
		return
	}
	box.mu.Lock()
	box.notice = news
	box.mu.Unlock()
	signal(box.wake)
}

// run sends to all followers the notices that no entry has overtaken.
func (n *notices) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-n.wake:
		case <-n.node.stop:
			return
		}
		timer.Reset(noticeDelay)
		select {
		case <-timer.C:
		case <-n.node.stop:
			return
		}
		n.mu.Lock()
		news := n.latest
		n.mu.Unlock()
		if n.node.committer.begun.Load() != news.begun {
			continue
		}
		for _, s := range n.node.configuration().Servers {
			if s.ID == raft.ServerID(n.node.cfg.Session.Server) {
				continue
			}
			n.open(s)
			n.tell(s.ID, news)
		}
	}
}

// open starts a follower's sender if there is none.
func (n *notices) open(s raft.Server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	box := n.boxes[s.ID]
	if box == nil {
		box = &noticeBox{wake: make(chan struct{}, 1), over: make(chan struct{})}
		n.boxes[s.ID] = box
		n.node.running.Go(func() { n.send(s.ID, box) })
	}
	box.mu.Lock()
	box.addr = s.Address
	box.mu.Unlock()
}

// send sends one follower's notices until it leaves the configuration or the node stops.
func (n *notices) send(to raft.ServerID, box *noticeBox) {
	var told uint64
	pause := time.Duration(0) // before the same notice is sent again; 0: not again
	for {
		var again <-chan time.Time
		if pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-box.wake:
		case <-again:
		case <-box.over:
			return
		case <-n.node.stop:
			return
		}
		box.mu.Lock()
		news, addr := box.notice, box.addr
		box.mu.Unlock()
		if news.index != told {
			told, pause = news.index, 0
		} else if pause == 0 || n.node.committer.begun.Load() != news.begun {
			pause = 0
			continue
		}
		pause = nextPause(pause, n.transmit(to, addr, news))
	}
}

// nextPause returns the pause before the same notice is tried again; 0 to give up. A follower
// outside the majority that committed the entry may not have it yet. After noticeRetryMax, or if
// the follower is away, Raft's own pace has to do.
func nextPause(pause time.Duration, told bool) time.Duration {
	switch {
	case told || pause > noticeRetryMax:
		return 0
	case pause == 0:
		return noticeDelay
	}
	return 2 * pause
}

// transmit sends a notice. It returns true if there is no point in trying again soon: the follower
// knows of the commit, is away, or has another leader.
func (n *notices) transmit(to raft.ServerID, addr raft.ServerAddress, news notice) bool {
	t := n.node.transport
	id := raft.ServerID(n.node.cfg.Session.Server)
	self := t.EncodePeer(id, t.LocalAddr())
	req := raft.AppendEntriesRequest{
		RPCHeader:         raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: self},
		Term:              news.term,
		PrevLogEntry:      news.index,
		PrevLogTerm:       news.term,
		LeaderCommitIndex: news.index,
	}
	var resp raft.AppendEntriesResponse
	err := t.NetworkTransport.AppendEntries(to, target(to, addr), &req, &resp)
	return err != nil || resp.Success || resp.Term > news.term
}
