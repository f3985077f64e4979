package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kvorum/kvorum/fsm"
)

// versionCommand builds the command version.
func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary, and which versions of the machine it knows",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "kvorum %s (%s %s/%s), machine versions %d to %d\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH,
				fsm.OldestVersion, fsm.NewestVersion)
			return err
		},
	}
}

// release is the version given to the build, as in -ldflags "-X main.release=v1.2.3".
// Only the linker sets it.
var release string

// version returns the release given to the build, else the module's version, else the
// revision that it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	return "devel" + revision + modified
}
