package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

func (a *app) valueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "value",
		Short: "Show or clear the value in a lease",
		Long: `A lease's value is text that its holder keeps in it, and that outlives the holder: a program that uses the library sets it.
No log and no other command shows it.`,
	}
	cmd.AddCommand(a.valueShowCommand(), a.valueClearCommand())
	return cmd
}

func (a *app) valueShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "The value, as it is",
		Long: `show prints the value of a lease, byte by byte, and changes nothing. On a terminal, it ends the last line, and writes
characters that are not printable as \u001b.

Exit codes:
  0  the lease has a value
  1  the lease could not be read, or this store keeps no values
  2  a flag, an argument or the store's URL is wrong
  4  the lease has no value

Environment: LEADER_STORE, LEADER_TIMEOUT; NO_COLOR.`,
		Example: `  leader value show orders --store s3://my-leases
  leader value show orders >position.txt`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.showValue(cmd.Context(), s, given[0]) })
		},
	}
}

func (a *app) valueClearCommand() *cobra.Command {
	var yes, waits bool
	cmd := &cobra.Command{
		Use:   "clear NAME",
		Short: "Remove the value from a lease that nobody holds",
		Long: `clear takes a lease that nobody holds, removes its value, and releases it. The next holder finds no value. Programs of versions
that do not know values can take the lease again: before you go back to one, stop all nodes, then clear.

clear leaves a lease alone that a node holds, and says which. A holder that is stopped releases its lease, and the lease of
a dead holder runs out: --wait waits for that. If clear itself is killed, the lease is free 15 seconds later. The plan of a fleet stays,
too: without it, the tokens of the parts would begin anew. leader fleet reset replaces it.

clear shows the lease and asks whether to go on: type yes. Without a terminal, it does nothing unless you give --yes. Keep
the value first, if you may need it: leader value show.

Exit codes:
  0  the lease has no value
  1  a node holds the lease, the value is a fleet's plan, this store keeps no values, the clearing failed, or the answer was not yes
  2  a flag, an argument or the store's URL is wrong, or there is no terminal to ask on

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_WAIT,
LEADER_YES; NO_COLOR.`,
		Example: `  leader value clear orders --store s3://my-leases
  leader value clear orders --yes --wait`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.clearValue(cmd.Context(), s, given[0], yes, waits) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&waits, "wait", false, "wait until nobody holds the lease")
	return cmd
}

// inspectValue looks at a lease. It is an error if the manager's leases have no values.
func inspectValue(ctx context.Context, s *store.Store, name string) (lease.Info, error) {
	if lease.LimitsOf(s.Manager).MaxValue <= 0 {
		return lease.Info{}, fmt.Errorf("%s: its leases keep no values: %w", lease.PlaceOf(s.Manager), errors.ErrUnsupported)
	}
	return inspect(ctx, s, name)
}

func (a *app) showValue(ctx context.Context, s *store.Store, name string) error {
	info, err := inspectValue(ctx, s, name)
	switch {
	case err != nil:
		return err
	case info.Value == "":
		return &exitError{exitNone, fmt.Errorf("lease %q has no value", name)}
	}
	text := info.Value
	if a.onTerminal() {
		text = strings.TrimSuffix(show.PrintableText(text), "\n") + "\n"
	}
	_, err = fmt.Fprint(a.out, text)
	return err
}

func (a *app) clearValue(ctx context.Context, s *store.Store, name string, yes, waits bool) error {
	seen, err := inspectValue(ctx, s, name)
	if err == nil && waits {
		seen, err = a.awaitFree(ctx, s, seen)
	}
	if err != nil {
		return err
	}
	entryOf(seen).details(a.out)
	switch {
	case seen.State == lease.Held && seen.Broken:
		return errors.New("nothing was cleared: the lease is broken, and not over yet: --wait waits until it is")
	case seen.State == lease.Held:
		return fmt.Errorf("nothing was cleared: %w: stop it first; --wait waits until nobody holds the lease", &lease.HeldError{Info: seen})
	case fleet.IsPlan(seen.Value):
		return fmt.Errorf("nothing was cleared: the value is the plan of the fleet %q, without which the tokens of its parts would begin anew: "+
			"leader fleet reset replaces it", name)
	case seen.Value == "":
		fmt.Fprintln(a.out, "The lease has no value: there is nothing to clear.")
		return nil
	}
	if err := a.confirm("Remove the value?", "to remove the value", yes); err != nil {
		return err
	}
	if err := uninterrupted(func() error { return a.clear(ctx, s, seen) }); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s The lease is free, and has no value.\n", show.Good("Cleared."))
	return nil
}

// awaitFree waits until nobody holds the lease.
func (a *app) awaitFree(ctx context.Context, s *store.Store, now lease.Info) (_ lease.Info, err error) {
	defer a.progress("")
	for now.State == lease.Held {
		a.progress("waiting until it is free, %s ...", entryOf(now).upTo())
		if !patience.Wait(ctx, untilFree(now, time.Second)) {
			return now, context.Cause(ctx)
		}
		if now, err = inspect(ctx, s, now.Name); err != nil {
			return now, err
		}
	}
	return now, nil
}

// clear takes the lease, removes the value that was seen, and releases the lease. The release carries the removal, too: if
// that stands, the renewal before it need not.
func (a *app) clear(ctx context.Context, s *store.Store, seen lease.Info) error {
	held, err := patience.Ask(ctx, a.limit(), func(ctx context.Context) (lease.Lease, error) {
		return s.Manager.Acquire(ctx, lease.Request{Name: seen.Name, Holder: "leader value clear", Length: leader.DefaultLeaseLength})
	})
	if err != nil {
		return fmt.Errorf("nothing was cleared: %w", err)
	}
	same, between := held.Value == seen.Value, lease.LimitsOf(s.Manager).WriteEvery
	if same {
		held.Value, held.ValueNumber = "", held.ValueNumber+1
		patience.Wait(ctx, between)
		renewed, failed := patience.Ask(ctx, a.limit(), func(ctx context.Context) (lease.Lease, error) { return s.Manager.Renew(ctx, held) })
		if err = failed; err == nil {
			held = renewed
		}
	}
	patience.Wait(ctx, between)
	left := patience.Tell(ctx, a.limit(), func(ctx context.Context) error { return s.Manager.Release(ctx, held) })
	switch {
	case !same:
		return cmp.Or(left, errors.New("nothing was cleared: another node has changed the value meanwhile: look again"))
	case left == nil:
		return nil
	case err == nil:
		return fmt.Errorf("the value is removed, but the lease is not released, and runs out in %v: %w", held.Length, left)
	}
	return fmt.Errorf("the value may be removed or not, look with leader value show: %w", errors.Join(err, left))
}
