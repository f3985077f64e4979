package admin

import (
	"context"
	"fmt"
	"strings"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// raftDigestCommand is RAFT DIGEST [FULL]. It compares the machines of all nodes at one index, now.
func (a *Admin) raftDigestCommand(ctx context.Context, call *command.Call) reply.Value {
	options := call.Args[2:]
	full := len(options) == 1 && strings.EqualFold(string(options[0]), "full")
	if len(options) > 0 && !full {
		return errSyntax
	}
	within := digestTimeout
	if full {
		within = fullDigestTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	stop := context.AfterFunc(a.ctx, cancel)
	defer stop()
	report, err := a.Auditor.Digest(ctx, full)
	if err != nil {
		return reply.Err("CLUSTERDOWN no leader took the question for a digest, try again (" + oneLine(err.Error()) + ")")
	}
	var nodes []reply.Value
	for i := range report.Servers {
		nodes = append(nodes, nodeDigest(&report.Servers[i]))
	}
	return reply.MapOf(
		reply.Text("index"), number(report.Index),
		reply.Text("result"), reply.Text(digestResult(&report)),
		reply.Text("nodes"), reply.List(nodes...),
	)
}

// nodeDigest returns one server's entry in the reply to RAFT DIGEST.
func nodeDigest(d *cluster.ServerDigest) reply.Value {
	suffrage := "nonvoter"
	if d.Server.Voter {
		suffrage = "voter"
	}
	fields := []reply.Value{
		reply.Text("id"), reply.Text(d.Server.ID),
		reply.Text("suffrage"), reply.Text(suffrage),
		reply.Text("result"), reply.Text(d.Verdict.String()),
	}
	if d.Err != nil {
		return reply.MapOf(append(fields, reply.Text("error"), reply.Text(oneLine(d.Err.Error())))...)
	}
	fields = append(fields,
		reply.Text("machine-version"), number(d.Capture.Version),
		reply.Text("index"), number(d.Capture.Index),
		reply.Text("hash"), reply.Text(fmt.Sprintf("%016x", d.Capture.Hash)),
	)
	switch {
	case d.Capture.Whole:
		fields = append(fields, reply.Text("digest"), reply.Text(fmt.Sprintf("%x", d.Capture.Digest)))
	case d.Capture.Computing:
		fields = append(fields, reply.Text("digest"), reply.Text("still being computed"))
	}
	return reply.MapOf(fields...)
}

// digestResult sums up the report in one sentence.
func digestResult(r *cluster.DigestReport) string {
	var differ, unknown []string
	split := false
	for _, d := range r.Servers {
		switch d.Verdict {
		case cluster.Diverged:
			differ = append(differ, member.ID(d.Server.ID))
		case cluster.Split:
			split = true
		case cluster.Inconclusive:
			unknown = append(unknown, member.ID(d.Server.ID))
		}
	}
	var text string
	switch {
	case split:
		text = "the nodes differ, and no majority agrees"
	case len(differ) > 0:
		text = "a majority agrees; different: " + strings.Join(differ, ", ")
	case len(unknown) == len(r.Servers):
		return "too few nodes have answered to say"
	case len(unknown) > 0:
		text = "all that could be compared agree"
	default:
		return "all nodes agree"
	}
	if len(unknown) > 0 {
		text += "; not compared: " + strings.Join(unknown, ", ")
	}
	return text
}
