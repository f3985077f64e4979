package node

import (
	"context"

	"github.com/hashicorp/raft"
)

// holdPreVote keeps a candidate's pre-vote until this server, too, misses its leader,
// and reports whether it did; the call is handed to Raft then.
//
// Raft refuses a pre-vote as long as it believes in another leader, and a candidate
// that was refused does nothing before its next election time-out. If that candidate is
// the only one that can win, since its log goes beyond this server's, the cluster waits
// for it although this server misses the leader a moment later. A candidate whose log
// does not go beyond this one's is refused at once: this server stands in its place.
func (t *transport) holdPreVote(call raft.RPC, req *raft.RequestPreVoteRequest, candidate string) bool {
	leader := t.watch.current()
	if leader == "" || leader == candidate {
		return false
	}
	end, err := t.logs.end()
	if err != nil || !(position{req.LastLogIndex, req.LastLogTerm}).beyond(end) {
		return false
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), preVoteHold)
		defer cancel()
		go func() {
			select {
			case <-t.layer.done:
				cancel()
			case <-ctx.Done():
			}
		}()
		_ = t.watch.await(ctx, func(now string) bool { return now != leader }) // if it is believed in still, Raft refuses
		t.hand(call)
	}()
	return true
}

// beyond reports whether a log that ends at p goes beyond one that ends at q (Raft
// paper, 5.4.1).
func (p position) beyond(q position) bool {
	return p.Term > q.Term || p.Term == q.Term && p.Index > q.Index
}
