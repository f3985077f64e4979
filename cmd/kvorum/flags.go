package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable returns the name of the environment variable that sets a flag.
func variable(flag string) string {
	return "KVORUM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// saidEachTime marks flags that no environment variable sets.
const saidEachTime = "said-each-time"

// sayEachTime marks flags that can cost data, availability or a secret. They are
// accepted on the command line only: an environment variable would also set them for
// commands that the operator did not have in mind.
func sayEachTime(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f := flags.Lookup(name)
		f.Annotations = map[string][]string{saidEachTime: {}}
		f.Usage += " (command line only)"
	}
}

// fromEnvironment sets, from the environment, every flag that the command line has not
// set. An empty variable counts as unset. The variable of a flag that sayEachTime marked
// is an error. Variables that belong to no flag are ignored, because orchestrators put
// KVORUM_SERVICE_HOST and the like into every container.
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

// explainFlag turns pflag's errors into ours, which name the flag and say what would be right.
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

// nearestFlag returns the flag whose name is nearest, at most two edits away, or "".
func nearestFlag(flags *pflag.FlagSet, name string) string {
	nearest, least := "", 3
	flags.VisitAll(func(f *pflag.Flag) {
		if d := edits(f.Name, name); d < least && !f.Hidden {
			nearest, least = f.Name, d
		}
	})
	return nearest
}

// edits returns the edit distance (Levenshtein) of two names.
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
