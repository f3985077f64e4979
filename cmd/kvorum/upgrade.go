package main

import (
	"github.com/spf13/cobra"
)

// upgradeCommand builds the command upgrade.
func upgradeCommand() *cobra.Command {
	var flags askFlags
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Finish the upgrade of a cluster to a new release",
		Long: "Finish the upgrade of a cluster to a new release.\n\nOnce every node runs the new release, the cluster raises its version by itself ten minutes later. " +
			"Until then every node\ncan go back to the release before; afterwards none can. 'kvorum status' says which version is active and who is waited for.\n" +
			"CONFIG SET upgrade-hold yes on a node holds that as long as it likes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags.register(cmd)
	cmd.AddCommand(flags.changing("finish", "Raise the version now, without waiting and past every hold; there is no way back after that", 0,
		func([]string) ([]string, string) {
			return []string{"upgrade", "finish"}, "the newest version is active"
		}))
	return cmd
}
