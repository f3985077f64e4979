package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/kvorum/kvorum/cmd/internal/server"
)

// watchLeader polls the running nodes until ctx ends. It prints a line when the cluster
// is ready, and another whenever the leader changes.
func watchLeader(ctx context.Context, plan *clusterPlan, crew *crew, out *screen) {
	client := &http.Client{Timeout: localPollWithin}
	defer client.CloseIdleConnections()
	told, every := "", localPollStarting
	for waitFor(ctx, every) {
		seen := survey(ctx, client, plan, crew)
		switch {
		case told == "" && seen.everybodyReady && seen.leader != "":
			out.line("ready: leader %s %s", seen.leader, plan.clientsOf(seen.leader))
			told, every = seen.leader, localPoll
		case told != "" && seen.leader != "" && seen.leader != told:
			out.line("leader changed: %s %s", seen.leader, plan.clientsOf(seen.leader))
			told = seen.leader
		}
	}
}

// outlook sums up the answers of the running nodes.
type outlook struct {
	leader         string // the id of the node that says it leads, in the highest term; "" for none
	everybodyReady bool
}

// survey asks every running node for its status at the same time.
func survey(ctx context.Context, client *http.Client, plan *clusterPlan, crew *crew) outlook {
	seen := outlook{everybodyReady: true}
	answers := make(chan server.Status, len(plan.nodes))
	asked := 0
	for _, n := range plan.nodes {
		if crew.pid(n.id) == 0 {
			continue
		}
		asked++
		go func() {
			status, err := askStatus(ctx, client, n.http())
			if err != nil {
				status = server.Status{}
			}
			answers <- status
		}()
	}
	term := uint64(0)
	for range asked {
		status := <-answers
		seen.everybodyReady = seen.everybodyReady && status.Ready
		if status.Leading && status.Term > term {
			seen.leader, term = status.ID, status.Term
		}
	}
	return seen
}

// askStatus fetches /status from a node's HTTP port.
func askStatus(ctx context.Context, client *http.Client, addr string) (server.Status, error) {
	var status server.Status
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/status", nil)
	if err != nil {
		return status, fmt.Errorf("ask %s: %w", addr, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return status, fmt.Errorf("ask %s: %w", addr, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, answerBytesMax)).Decode(&status); err != nil {
		return status, fmt.Errorf("read the answer of %s: %w", addr, err)
	}
	return status, nil
}

// clientsOf returns the address at which clients reach a node.
func (p *clusterPlan) clientsOf(id string) string {
	for _, n := range p.nodes {
		if n.id == id {
			return n.clients()
		}
	}
	return "unknown"
}
