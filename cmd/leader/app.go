package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// An app is shared by all commands.
type app struct {
	in       io.Reader
	out, err io.Writer

	store   string        // its URL
	timeout time.Duration // for one answer of the store; 0: patience.Default
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "leader",
		Short: "One of many machines does the work",
		Long: `leader elects one of many machines, by a lease on storage that they share: a DynamoDB table, an S3, Google
Cloud Storage or Azure container, or a directory, for the processes of one machine.

Flags can be set in the environment as well: --store as LEADER_STORE, --renew-every as LEADER_RENEW_EVERY. One that may be repeated takes a
list with commas, such as LEADER_FOLLOW=10.0.0.0/8,10.1.0.0/16; put a value that has a comma or a double quote into double quotes, as in CSV.
The help of a command names its variables where they have other names.

Without --store, the leases are in a directory of this user's: ~/.local/state/leader, or leader below XDG_STATE_HOME, or on
Windows %LOCALAPPDATA%\leader.`,
		SilenceErrors: true, // main says them
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			if err := tooLong(cmd.Flags()); err != nil {
				return err
			}
			if a.timeout <= 0 {
				return usage(fmt.Errorf("--timeout %v is not positive: give a duration such as 30s", a.timeout))
			}
			return nil
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVar(&a.store, "store", store.Default(), "URL of the `store`: dynamodb://TABLE, s3://BUCKET, gs://BUCKET, azblob://ACCOUNT/CONTAINER or file:DIRECTORY (default a directory of this user's)")
	root.PersistentFlags().Lookup("store").DefValue = "" // the usage has words for it
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", patience.Default, "how long the store may take for an answer; leader run goes on trying")
	root.AddCommand(a.commands()...)
	a.refine(root)
	return root
}

// usage marks an error of the caller: exit code 2.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

// longest bounds every duration: the sum of two is one that package leader takes.
const longest = lease.Forever / 4

// tooLong returns an error for each duration that is longer than any process runs.
func tooLong(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "duration" {
			return
		}
		if d, err := flags.GetDuration(f.Name); err == nil && (d > longest || d < -longest) {
			errs = append(errs, fmt.Errorf("--%s %v: it is at most %v", f.Name, d, longest))
		}
	})
	if len(errs) > 0 {
		return usage(errors.Join(errs...))
	}
	return nil
}

// tooShort returns an error for a duration that is neither 0 nor at least the given one.
func tooShort(flag string, d, least time.Duration) error {
	if d == 0 || d >= least {
		return nil
	}
	return fmt.Errorf("--%s %v: it is at least %v, and usually some seconds", flag, d, least)
}

// limit returns how long a store may take for one answer.
func (a *app) limit() time.Duration { return cmp.Or(a.timeout, patience.Default) }

// onStore calls a function with the store that --store names.
func (a *app) onStore(ctx context.Context, do func(*store.Store) error) error {
	s, err := store.Open(ctx, a.store, a.limit())
	switch {
	case errors.Is(err, lease.ErrMisconfigured):
		return usage(err)
	case err != nil: // a network error, say: it may pass, and the command line may be right
		return err
	}
	defer s.Close()
	return do(s)
}

// inspect looks at a lease. An invalid name is a usage error.
func inspect(ctx context.Context, s *store.Store, name string) (lease.Info, error) {
	info, err := s.Inspect(ctx, name)
	if errors.Is(err, lease.ErrInvalid) {
		err = usage(err)
	}
	return info, err
}

// confirm asks the user, and returns an error unless the answer is yes.
func (a *app) confirm(question, purpose string, yes bool) error {
	if yes {
		return nil
	}
	if !show.IsTerminal(a.in) {
		return usage(fmt.Errorf("there is no terminal to ask on: give --yes %s", purpose))
	}
	fmt.Fprintf(a.err, "%s Type yes: ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.err)
	}
	return errors.New("nothing was changed: the answer was not yes")
}

// onTerminal reports whether the output is a terminal.
func (a *app) onTerminal() bool {
	o, ok := a.out.(*output)
	return ok && show.IsTerminal(o.to)
}

// progress shows progress, on a terminal.
func (a *app) progress(format string, args ...any) { show.Progress(a.err, format, args...) }

// args makes a wrong number of arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
		}
		return nil
	}
}
