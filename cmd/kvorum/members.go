package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// membersCommand builds the command members with its sub-commands.
func membersCommand() *cobra.Command {
	var flags askFlags
	cmd := &cobra.Command{
		Use:   "members",
		Short: "List and change the members of a running cluster",
		Long: "List and change the members of a running cluster.\n\nAny node can be asked; changes travel to the leader. " +
			"A member is named by its id (n2), in full (n2@1f…) where two have the same.\n" +
			"A change that is repeated does no harm. Exit codes: 0 done, 1 not done, 2 not known to be done.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags.register(cmd)
	var nonvoter, forceRemove, forceDemote bool
	list := &cobra.Command{
		Use: "list", Short: "List the members", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listMembers(cmd.Context(), &flags, cmd.OutOrStdout())
		},
	}
	add := flags.changing("add HOST:PORT", "Invite the server that waits at a peer address (kvorum serve --await)", 1, func(args []string) ([]string, string) {
		return forceful([]string{"add", args[0]}, nonvoter, "NONVOTER"), "invited " + args[0]
	})
	add.Flags().BoolVar(&nonvoter, "nonvoter", false, "it never asks for a vote: a read replica")
	remove := flags.changing("remove ID", "Remove a member for ever", 1, func(args []string) ([]string, string) {
		return forceful([]string{"remove", args[0]}, forceRemove, "FORCE"), "removed " + args[0]
	})
	remove.Flags().BoolVar(&forceRemove, "force", false, "also if the rest could then be without a majority: nothing could be written or read until enough come back")
	sayEachTime(remove.Flags(), "force")
	demote := flags.changing("demote ID", "Take a member's vote; it goes on as a read replica", 1, func(args []string) ([]string, string) {
		return forceful([]string{"demote", args[0]}, forceDemote, "FORCE"), args[0] + " has no vote any more"
	})
	demote.Flags().BoolVar(&forceDemote, "force", false, "also if the other voters could then be without a majority")
	sayEachTime(demote.Flags(), "force")
	promote := flags.changing("promote ID", "Give a member that has caught up a vote", 1, func(args []string) ([]string, string) {
		return []string{"promote", args[0]}, args[0] + " has a vote"
	})
	transfer := flags.changing("transfer [ID]", "Have a member lead, or the one that is best placed", -1, func(args []string) ([]string, string) {
		if len(args) == 0 {
			return []string{"transfer"}, "leadership has moved"
		}
		return []string{"transfer", args[0]}, args[0] + " leads"
	})
	cmd.AddCommand(list, add, remove, promote, demote, transfer)
	return cmd
}

func forceful(words []string, force bool, word string) []string {
	if force {
		return append(words, word)
	}
	return words
}

// changing builds a sub-command that asks for one change. arguments is the number of arguments that
// it takes; -1 means at most one.
func (f *askFlags) changing(use, short string, arguments int, words func(args []string) (ask []string, done string)) *cobra.Command {
	takes := cobra.MaximumNArgs(1)
	if arguments >= 0 {
		takes = cobra.ExactArgs(arguments)
	}
	return &cobra.Command{
		Use: use, Short: short, Args: takes,
		RunE: func(cmd *cobra.Command, args []string) error {
			ask, done := words(args)
			return f.change(cmd, ask, done)
		},
	}
}

// change sends RAFT with the words of ask, waits for the reply, and prints done.
func (f *askFlags) change(cmd *cobra.Command, ask []string, done string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	node, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer node.close()
	defer context.AfterFunc(ctx, node.close)() // an interrupt ends the wait at once; the library alone would go on waiting
	stop := f.sayWaits(ctx, cmd.ErrOrStderr(), node.addr, ask)
	_, err = node.do(ctx, append([]string{"raft"}, ask...)...)
	stop()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, map[string]string{"result": "ok", "done": done})
	}
	_, err = fmt.Fprintln(out, done)
	return err
}

// listMembers prints the members as the asked node knows them.
func listMembers(ctx context.Context, f *askFlags, out io.Writer) error {
	node, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer node.close()
	s, _, err := node.status(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, s.Servers)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tCLIENTS\tPEERS\tREACHABLE\tBEHIND\tNODE ID")
	for i := range s.Servers {
		m := &s.Servers[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%.8s\n", s.name(m.ID), s.role(m), orDash(m.ClientAddr), m.PeerAddr,
			yesNo(m.Reachable), s.behind(m.StoredIndex), m.NodeID)
	}
	return table.Flush()
}
