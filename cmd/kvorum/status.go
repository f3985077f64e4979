package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// statusCommand builds the command status.
func statusCommand() *cobra.Command {
	var flags askFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who leads, and how every node stands",
		Long: "Show who leads, and how every node stands.\n\nThe first node of --addr that answers tells who the others are, and each is then asked itself: without a password\n" +
			"where it says that clients reach it; with one at the addresses of --addr only, unless --everyone is given. " +
			"What a node does not tell, because it is not reached from here, is shown as the asked one knows it.\n" +
			"Exit codes: 0 a leader is known, 1 no answer, 3 no leader is known.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showStatus(cmd.Context(), &flags, cmd.OutOrStdout())
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&flags.everyone, "everyone", false, "with a password: ask every node where it says that clients reach it, and give the password to whoever answers there")
	sayEachTime(cmd.Flags(), "everyone")
	return cmd
}

// clusterStatus holds what "kvorum status" found out about a cluster.
type clusterStatus struct {
	Cluster string       `json:"cluster"`
	Asked   string       `json:"asked"`  // the node that named the members
	Leader  string       `json:"leader"` // "" for none
	Term    uint64       `json:"term"`
	Nodes   []*foundNode `json:"nodes"`

	asked nodeStatus
}

// foundNode is one member, as the asked node knows it and as it describes itself.
type foundNode struct {
	Known memberStatus `json:"known"`
	Error string       `json:"error,omitempty"`  // why it did not describe itself
	Own   any          `json:"status,omitempty"` // its own description
	own   *nodeStatus
}

// showStatus prints the status of the cluster. Without a leader it returns a failure
// with the exit code for that.
func showStatus(ctx context.Context, f *askFlags, out io.Writer) error {
	found, err := findStatus(ctx, f)
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(out, found)
	} else {
		err = found.print(out)
	}
	if err == nil && found.Leader == "" {
		err = &failure{exitNoLeader, "no leader is known: nothing can be written, and nothing but READONLY connections can read, until a majority of the voters is in touch"}
	}
	return err
}

// findStatus asks one node for the members, and then all members for their own status.
func findStatus(ctx context.Context, f *askFlags) (*clusterStatus, error) {
	node, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer node.close()
	s, raw, err := node.status(ctx)
	if err != nil {
		return nil, err
	}
	found := &clusterStatus{Cluster: s.Cluster, Asked: s.ID, Leader: s.leader(), Term: s.Term, asked: s}
	var asking sync.WaitGroup
	for _, m := range s.Servers {
		n := &foundNode{Known: m}
		found.Nodes = append(found.Nodes, n)
		if m.ID == s.ID {
			n.Own, n.own = raw, &s
			continue
		}
		asking.Go(func() { f.askItself(ctx, n) })
	}
	asking.Wait()
	return found, nil
}

// askItself asks a node for its status at its advertised address, and then at those of
// --addr, since the advertised one may be unreachable from here.
func (f *askFlags) askItself(ctx context.Context, n *foundNode) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	advertised := ""
	switch {
	case n.Known.ClientAddr == nil:
		n.Error = "it has no address for clients yet"
	case f.withheld(&n.Known):
		n.Error = fmt.Sprintf("it was not asked at %s, which nobody but a node has named: it would be given the password; add that address to --addr, or give --everyone", *n.Known.ClientAddr)
	default:
		advertised = *n.Known.ClientAddr
	}
	for _, addr := range f.addressesOf(&n.Known) {
		s, raw, err := f.statusOf(ctx, addr)
		switch {
		case err == nil && s.ID == n.Known.ID:
			n.Own, n.own, n.Error = raw, &s, ""
			return
		case addr != advertised: // an address of --addr, which may belong to any node
		case err == nil:
			n.Error = fmt.Sprintf("%s answers at %s", s.ID, addr)
		default:
			n.Error = err.Error()
		}
	}
}

// print writes the status as a headline, a table and remarks.
func (c *clusterStatus) print(out io.Writer) error {
	leader := "nobody"
	if c.Leader != "" {
		leader = c.asked.name(c.Leader)
	}
	voters := 0
	for _, n := range c.Nodes {
		if n.Known.Suffrage == "voter" {
			voters++
		}
	}
	fmt.Fprintf(out, "cluster %s: %s leads in term %d; %d members, %d of them voters; as %s knows it\n\n",
		c.Cluster, leader, c.Term, len(c.Nodes), voters, c.asked.name(c.asked.ID))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tSTATE\tREADY\tTERM\tLAST\tCOMMIT\tAPPLIED\tBEHIND\tRTT\tSKEW\tSNAPSHOT\tINSTALLS\tCLIENTS")
	for _, n := range c.Nodes {
		fmt.Fprintln(table, strings.Join(c.row(n), "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, remark := range c.remarks() {
		if _, err := fmt.Fprintln(out, remark); err != nil {
			return err
		}
	}
	return nil
}

// latest returns, of the nodes that answered, the one with the most up-to-date log
// (Raft paper, 5.4.1), or nil. A lost cluster is best recovered from that one.
func (c *clusterStatus) latest() (latest *foundNode) {
	for _, n := range c.Nodes {
		if n.own != nil && (latest == nil || cmp.Or(cmp.Compare(n.own.LastTerm, latest.own.LastTerm), cmp.Compare(n.own.LastIndex, latest.own.LastIndex)) > 0) {
			latest = n
		}
	}
	return latest
}

// row returns a node's line of the table.
func (c *clusterStatus) row(n *foundNode) []string {
	m := &n.Known
	state, ready, figures, snapshot, installs := "?", "?", []string{"?", "?", "?", "?"}, "?", "?"
	if !m.Reachable {
		state = "unreachable"
	}
	if m.StoredIndex != nil {
		figures[1] = fmt.Sprint(*m.StoredIndex)
	}
	behind := c.asked.behind(m.StoredIndex)
	if s := n.own; s != nil {
		state, ready = s.State, yesNo(s.Ready)
		figures = []string{fmt.Sprint(s.Term), fmt.Sprint(s.LastIndex), fmt.Sprint(s.CommitIndex), fmt.Sprint(s.AppliedIndex)}
		behind = c.asked.behind(&s.AppliedIndex)
		snapshot, installs = fmt.Sprint(s.SnapshotIndex), fmt.Sprint(s.Installed)
		if s.InstalledAgain > 0 {
			installs += fmt.Sprintf(" (%d again)", s.InstalledAgain)
		}
	}
	row := append([]string{c.asked.name(m.ID), c.asked.role(m), state, ready}, figures...)
	return append(row, behind, milliseconds(m.RoundTripMS), milliseconds(m.ClockSkewMS), snapshot, installs, orDash(m.ClientAddr))
}

// upgradeRemarks returns lines about an unfinished upgrade, if there is one.
func (c *clusterStatus) upgradeRemarks() []string {
	active, newest := uint64(1), uint64(1)
	waits := "a leader"
	if c.Leader != "" {
		waits = fmt.Sprintf("%s, which leads and was not reached: ask it", c.asked.name(c.Leader))
	}
	for _, n := range c.Nodes {
		if n.own == nil {
			continue
		}
		active, newest = max(active, n.own.Version), max(newest, n.own.Newest)
		if n.Known.ID == c.Leader {
			waits = c.leaderWaits(n.own)
		}
	}
	if newest <= active {
		return nil
	}
	return []string{"", fmt.Sprintf("the cluster is at machine version %d; %d waits for %s", active, newest, waits)}
}

// leaderWaits returns what an upgrade waits for according to the leader.
func (c *clusterStatus) leaderWaits(leader *nodeStatus) string {
	switch {
	case leader.UpgradeWaits != nil:
		return *leader.UpgradeWaits
	case leader.Newest == 0:
		return c.asked.name(c.Leader) + ", which leads and runs the earlier release"
	}
	return c.asked.name(c.Leader) + ", which leads, to look at the others"
}

// remarks returns lines about everything that is not as it should be.
func (c *clusterStatus) remarks() []string {
	remarks := c.upgradeRemarks()
	say := func(n *foundNode, format string, args ...any) {
		if len(remarks) == 0 {
			remarks = append(remarks, "")
		}
		remarks = append(remarks, c.asked.name(n.Known.ID)+": "+fmt.Sprintf(format, args...))
	}
	for _, n := range c.Nodes {
		if n.own == nil {
			say(n, "told nothing itself: %s", n.Error)
			continue
		}
		if leader := n.own.leader(); leader != c.Leader {
			if leader == "" {
				leader = "nobody"
			}
			say(n, "says that %s leads", c.asked.name(leader))
		}
		if n.own.Unready != nil && !n.own.Ready {
			say(n, "is not ready: %s", *n.own.Unready)
		}
		if n.own.InstalledAgain > 0 {
			say(n, "has received snapshots again and again (%d times soon after another): it does not catch up by the log; look at its disk and its network", n.own.InstalledAgain)
		}
		if c.Leader == "" && n == c.latest() {
			say(n, "of those that answer, it has the latest log: it ends with entry %d, of term %d", n.own.LastIndex, n.own.LastTerm)
		}
		if n.Known.clockDiffers() {
			say(n, "its clock differs by %s from that of %s; let both follow a time server",
				milliseconds(n.Known.ClockSkewMS), c.asked.name(c.asked.ID))
		}
	}
	return remarks
}

// clockDiffers reports whether the two clocks differ by more than status remarks, whatever
// part of the round trip each of its ways took: that much of the skew may be the network's.
func (m *memberStatus) clockDiffers() bool {
	if m.ClockSkewMS == nil {
		return false
	}
	skew, uncertain := math.Abs(float64(*m.ClockSkewMS)), 0.0
	if m.RoundTripMS != nil {
		uncertain = float64(*m.RoundTripMS) / 2
	}
	return skew-uncertain > skewRemarkMS
}
