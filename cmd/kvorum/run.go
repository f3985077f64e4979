package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// run is the whole program. It returns once the command that args name has ended.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return explainCommand(root, root.ExecuteContext(ctx))
}

// rootCommand makes the program's command with all of its sub-commands.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "kvorum",
		Short:         "A Redis-compatible store that does not lose acknowledged writes",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(serveCommand(), initCommand(), localCommand(), healthCommand(), recoverCommand(), membersCommand(), statusCommand(), upgradeCommand(), versionCommand())
	return root
}

// explainCommand adds the list of commands to the error for an unknown one.
func explainCommand(root *cobra.Command, err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), "unknown command") {
		return err
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s; it is one of %s", first, strings.Join(names, ", "))
}
