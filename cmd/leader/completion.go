package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

// refine adds suggestions for mistyped commands and flags, and completion. Call it last on the
// root command.
func (a *app) refine(root *cobra.Command) {
	root.Version = version()
	root.SetVersionTemplate("leader {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
		if unknown {
			err = fmt.Errorf("%w%s", err, didYouMean("--", similarFlags(cmd, name)))
		}
		return usage(fmt.Errorf("%w; see %s --help", withUnit(err), cmd.CommandPath()))
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	refuseOthers(root)
	refuseMore(root)
	fitHelp(root)
	fitFlags(root)
	a.completeFlags(root)
}

// refuseOthers makes a command that only has commands below it, and all such below it, name the one that there is not.
func refuseOthers(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		if below.HasSubCommands() {
			refuseOthers(below)
		}
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = cobra.ArbitraryArgs // otherwise cobra itself refuses, in several lines
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if len(given) == 0 {
			return cmd.Help()
		}
		return usage(fmt.Errorf("there is no command %q%s; see %s --help", given[0], didYouMean("", cmd.SuggestionsFor(given[0])), cmd.CommandPath()))
	}
}

// refuseMore makes what is too much after cobra's commands a usage error, as after ours.
func refuseMore(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			for _, shell := range cmd.Commands() {
				shell.Args = args(shell.Args)
			}
		case "help":
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, given []string) error {
				of, more, err := root.Find(given)
				if err != nil || len(more) > 0 {
					return usage(fmt.Errorf("there is no command %q; see leader --help", strings.Join(given, " ")))
				}
				of.InitDefaultHelpFlag()
				return of.Help()
			}
		}
	}
}

// completeFlags offers the values of flags, and no files for flags that take none.
func (a *app) completeFlags(cmd *cobra.Command) {
	names := func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if cmd.HasParent() && cmd.Parent().Name() == "fleet" {
			return a.completeFleets(cmd, nil, begun)
		}
		return a.completeNames(cmd, nil, begun)
	}
	values := map[string]cobra.CompletionFunc{
		"name":       names,
		"lease":      names,
		"store":      completeSchemes,
		"log-format": cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp),
		"log-level":  cobra.FixedCompletions([]cobra.Completion{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp),
	}
	complete := func(f *pflag.Flag) {
		value := values[f.Name]
		if value == nil {
			value = cobra.NoFileCompletions
		}
		if f.NoOptDefVal == "" { // it takes a value
			_ = cmd.RegisterFlagCompletionFunc(f.Name, value) // an error: it has a completion already
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	for _, below := range cmd.Commands() {
		a.completeFlags(below)
	}
}

// forms shows how to write the URL of each store.
var forms = map[string]string{
	"azblob":   "azblob://ACCOUNT/CONTAINER",
	"dynamodb": "dynamodb://TABLE",
	"file":     "file:DIRECTORY",
	"gs":       "gs://BUCKET",
	"s3":       "s3://BUCKET",
}

// completeSchemes offers the beginnings of store URLs.
func completeSchemes(_ *cobra.Command, _ []string, begun string) (found []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, scheme := range slices.Sorted(maps.Keys(forms)) {
		beginning := strings.TrimRight(forms[scheme], "ABCDEFGHIJKLMNOPQRSTUVWXYZ/")
		if strings.Contains(forms[scheme], "//") {
			beginning += "//"
		}
		if strings.HasPrefix(beginning, begun) {
			found = append(found, cobra.CompletionWithDesc(beginning, forms[scheme]))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func didYouMean(prefix string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// similarFlags lets cobra find flags as it finds commands.
func similarFlags(cmd *cobra.Command, typed string) []string {
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	return flags.SuggestionsFor(typed)
}

const (
	completeFor  = 3 * time.Second // a person waits for a completion
	completeMost = 200             // names: more are of no use
)

// completeNames completes the name of a lease with those of the store.
func (a *app) completeNames(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.complete(cmd, given, func(ctx context.Context, s *store.Store, add func(name, what string) bool) {
		for info, err := range s.List(ctx, begun) {
			what := entryOf(info).State
			if info.State == lease.Held {
				what += " by " + show.Printable(info.Holder)
			}
			if err != nil || !add(info.Name, what) {
				break // the names found so far are better than none
			}
		}
	})
}

// completeCheckpoints does the same for the name of a checkpoint.
func (a *app) completeCheckpoints(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.complete(cmd, given, func(ctx context.Context, s *store.Store, add func(name, what string) bool) {
		for info, err := range s.Checkpoints(ctx, begun) {
			if err != nil || !add(info.Name, "") {
				break
			}
		}
	})
}

// complete completes the first argument of a command with the names that list adds, until add returns false.
func (a *app) complete(cmd *cobra.Command, given []string, list func(ctx context.Context, s *store.Store, add func(name, what string) bool)) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 || fromEnvironment(cmd.Flags()) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	var names []cobra.Completion
	_ = a.onStore(ctx, func(s *store.Store) error {
		list(ctx, s, func(name, what string) bool {
			if len(names) == completeMost {
				return false
			}
			names = append(names, cobra.CompletionWithDesc(name, what))
			return true
		})
		return nil
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
