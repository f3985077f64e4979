package node

import (
	"context"

	"github.com/hashicorp/raft"
)

// holdPreVote holds a candidate's pre-vote until this server, too, misses its leader, and then
// hands the call to Raft. It reports whether it holds the call.
//
// Raft refuses a pre-vote while it believes in another leader, and a refused candidate waits for
// its next election time-out. If that candidate is the only one that can win, because its log goes
// beyond this server's, the cluster would wait for it although this server misses the leader a
// moment later. A candidate whose log does not go beyond this server's is refused at once, because
// this server can stand in its place.
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
		_ = t.watch.await(ctx, func(now string) bool { return now != leader }) // if the leader is still believed in, Raft refuses
		t.hand(call)
	}()
	return true
}

// beyond reports whether a log that ends at p goes beyond one that ends at q (Raft paper, 5.4.1).
func (p position) beyond(q position) bool {
	return p.Term > q.Term || p.Term == q.Term && p.Index > q.Index
}
