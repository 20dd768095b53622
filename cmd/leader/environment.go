package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cloudlease/leader/cmd/leader/internal/guard"
)

// fromEnvironment sets the flags that were not given, from the environment. An empty variable is as none.
func fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		key := variableOf(f)
		value, ok := os.LookupEnv(key)
		if !ok || value == "" || f.Changed || f.Name == "help" || f.Name == "version" || key == "" {
			return
		}
		if err := setFrom(flags, f, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", key, value, withUnit(err)))
		}
	})
	if len(errs) > 0 {
		return usage(errors.Join(errs...))
	}
	return nil
}

// setFrom sets a flag to the value of its variable, which is a list if the flag may be repeated.
func setFrom(flags *pflag.FlagSet, f *pflag.Flag, value string) error {
	values := []string{value}
	if mayBeRepeated(f) {
		lines, err := csv.NewReader(strings.NewReader(value)).ReadAll() // as the flags of pflag that are lists
		if err != nil || len(lines) != 1 {
			return errors.New(`it is no list: write a=1,b=2, and put a value with a comma or a double quote into double quotes, as in CSV: "a=1,2",b=2`)
		}
		values = lines[0]
	}
	for _, v := range values {
		if err := flags.Set(f.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// mayBeRepeated reports whether a flag takes another value each time.
func mayBeRepeated(f *pflag.Flag) bool {
	switch f.Value.(type) {
	case *attributes, *hosts, pflag.SliceValue:
		return true
	}
	return false
}

// ownVariable is the annotation of a flag with the name of its variable, if another command has a flag of the same name that means something
// else: who sets a variable for one command does not know which others read it.
const ownVariable = "variable"

// variableOf returns the name of the environment variable that sets a flag. It is empty if leader run sets that variable for its
// program: a leader in the program would take it for its own setting.
func variableOf(f *pflag.Flag) string {
	if own := f.Annotations[ownVariable]; len(own) > 0 {
		return own[0]
	}
	key := "LEADER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	if slices.Contains([]string{leaseVariable, holderVariable, fleetVariable, partVariable, guard.TokenVariable}, key) {
		return ""
	}
	return key
}

// withUnit adds how to write a duration to an error about its missing unit.
func withUnit(err error) error {
	if strings.Contains(err.Error(), "missing unit in duration") {
		return fmt.Errorf("%w: write 15s for 15 seconds", err)
	}
	return err
}
