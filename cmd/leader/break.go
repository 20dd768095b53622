package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

func (a *app) breakCommand() *cobra.Command {
	var yes, waits bool
	cmd := &cobra.Command{
		Use:   "break NAME",
		Short: "Take a lease from a holder that nobody can reach",
		Long: `break takes a lease from its holder, such as a machine that nobody can reach but that goes on renewing. A holder that is
stopped releases its lease, and the lease of a dead holder runs out: they do not need this command.

The holder finds the lease lost at its next renewal, and its work is cancelled. If it cannot renew, its term ends at its
deadline. No other node leads before that term is over, so this is as safe as a failover: the lease is free one whole length
after the break. Then any node may take it, also the old holder: stop that one first if you can, or keep it from the store.

break shows the holder and asks whether to go on: type yes. Without a terminal, it does nothing unless you give --yes. It
leaves a lease alone that nobody holds.

Exit codes:
  0  the lease is broken, or nobody held it; with --wait: it is free, or another node has it
  1  the break failed, the answer was not yes, or another node has taken the lease meanwhile
  2  a flag, an argument or the store's URL is wrong, or there is no terminal to ask on

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_WAIT,
LEADER_YES; NO_COLOR.`,
		Example: `  leader break orders --store s3://my-leases
  leader break orders --yes --wait`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.breakLease(cmd.Context(), s, given[0], yes, waits) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&waits, "wait", false, "wait until the lease is free")
	return cmd
}

func (a *app) breakLease(ctx context.Context, s *store.Store, name string, yes, waits bool) error {
	seen, err := inspect(ctx, s, name)
	if err != nil {
		return err
	}
	entryOf(seen).details(a.out)
	switch {
	case seen.State != lease.Held:
		fmt.Fprintln(a.out, "Nobody holds the lease: there is nothing to break.")
		return nil
	case seen.Broken:
		fmt.Fprintln(a.out, "The lease is broken already.")
	default:
		if err := a.confirm(fmt.Sprintf("Take the lease from %s?", show.Printable(seen.Holder)), "to take the lease away", yes); err != nil {
			return err
		}
		if err := breakSeen(ctx, s, seen); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s No other node leads before the lease has run out: by %s at the latest, %v from now.\n",
			show.Good("Broken."), time.Now().Add(seen.Length).Format("15:04:05"), seen.Length)
	}
	if waits {
		return untilInterrupted(ctx, "the lease stays broken until it has run out", func(ctx context.Context) error { return a.waitUntilFree(ctx, s, seen) })
	}
	return nil
}

func breakSeen(ctx context.Context, s *store.Store, seen lease.Info) error {
	err := s.Break(ctx, seen)
	switch {
	case errors.Is(err, lease.ErrHeld):
		return fmt.Errorf("nothing was broken: another node has the lease by now: %w; look again with leader status", err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w: this store cannot break leases; stop the holder, or wait", err)
	}
	return err
}

// waitUntilFree waits until the broken lease is free, or another node has taken it.
func (a *app) waitUntilFree(ctx context.Context, s *store.Store, broke lease.Info) error {
	defer a.progress("")
	for {
		now, err := inspect(ctx, s, broke.Name)
		switch {
		case err != nil:
			return fmt.Errorf("the lease is broken, but whether it is free cannot be seen: %w", err)
		case now.State != lease.Held:
			a.progress("")
			fmt.Fprintln(a.out, "The lease is free.")
			return nil
		case now.ID != broke.ID && !now.Broken:
			a.progress("")
			fmt.Fprintf(a.out, "The lease was free, and %s has it now, with token %d.\n", show.Printable(now.Holder), now.Token)
			return nil
		}
		a.progress("waiting until it is free, %s ...", entryOf(now).upTo())
		if !patience.Wait(ctx, untilFree(now, time.Second)) {
			return context.Cause(ctx)
		}
	}
}
