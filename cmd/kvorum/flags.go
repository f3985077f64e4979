package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable is the environment variable that sets a flag.
func variable(flag string) string {
	return "KVORUM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// saidEachTime marks flags that no environment variable sets.
const saidEachTime = "said-each-time"

// sayEachTime marks flags by which one command can cost data, availability or a secret:
// whoever runs it says so on that command line. A variable would say it for commands
// that nobody has thought of.
func sayEachTime(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f := flags.Lookup(name)
		f.Annotations = map[string][]string{saidEachTime: {}}
		f.Usage += " (command line only)"
	}
}

// fromEnvironment sets every flag that the command line has not set and the
// environment has; an empty variable counts as unset. A variable of a flag that is said
// each time is refused. Variables that belong to no flag are left alone:
// orchestrators put KVORUM_SERVICE_HOST and the like into every container.
func fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(variable(f.Name))
		if value == "" || f.Changed || f.Hidden || f.Name == "help" {
			return
		}
		if f.Annotations[saidEachTime] != nil {
			errs = append(errs, fmt.Errorf("%s is set, and --%s is taken from the command line only: unset the variable, and give the flag where you mean it", variable(f.Name), f.Name))
			return
		}
		if err := f.Value.Set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", variable(f.Name), err))
			return
		}
		f.Changed = true
	})
	return errors.Join(errs...)
}

// explainFlag turns pflag's errors into ours: the flag, and what would be right.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if near := nearestFlag(cmd.Flags(), name); near != "" {
			return fmt.Errorf("--%s is no flag of %q; did you mean --%s?", name, cmd.CommandPath(), near)
		}
		return fmt.Errorf("--%s is no flag of %q; see %s --help", name, cmd.CommandPath(), cmd.CommandPath())
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	case errors.As(err, &missing):
		return fmt.Errorf("--%s needs a value: %s", missing.GetFlag().Name, missing.GetFlag().Usage)
	}
	return err
}

// nearestFlag returns the flag whose name is at most two edits away.
func nearestFlag(flags *pflag.FlagSet, name string) string {
	nearest, least := "", 3
	flags.VisitAll(func(f *pflag.Flag) {
		if d := edits(f.Name, name); d < least && !f.Hidden {
			nearest, least = f.Name, d
		}
	})
	return nearest
}

// edits counts the insertions, deletions and replacements between two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
