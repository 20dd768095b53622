package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

func (a *app) breakCommand() *cobra.Command {
	var yes, waits bool
	cmd := &cobra.Command{
		Use:   "break NAME",
		Short: "Take a lease away from a holder that cannot be reached",
		Long: `break takes a lease away from whoever holds it: a machine that cannot be reached any more but goes on
renewing, say. A holder that is stopped gives its lease back by itself, and that of one that has died
runs out: neither needs this.

The holder finds the lease lost at its next renewal, and its work is cancelled. If it cannot renew, its
term ends at its deadline. Nobody else can start before it is over, so this is as safe as a failover:
the lease is free a whole length after it was broken. Other nodes take it then as usual; the one it was
taken from may be among them, so stop it first where you can, or keep it from the store.

break shows who holds the lease, and asks whether to go on: type yes. Where there is no terminal to ask
on, it does nothing without --yes. A lease that nobody holds is left as it is.

Exit codes:
  0  it is broken, or nobody held it; with --wait: it is free, or somebody else has it
  1  it could not be broken, the answer was not yes, or somebody else has taken the lease meanwhile
  2  a flag, an argument or the store's URL makes no sense, or there is nobody to ask

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
		fmt.Fprintln(a.out, "Nobody holds it: there is nothing to break.")
		return nil
	case seen.Broken:
		fmt.Fprintln(a.out, "It is broken already.")
	default:
		if err := a.confirm(seen, yes); err != nil {
			return err
		}
		if err := breakSeen(ctx, s, seen); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s Nobody can start before it has run out: by %s at the latest, %v from now.\n",
			show.Good("Broken."), time.Now().Add(seen.Length).Format("15:04:05"), seen.Length)
	}
	if waits {
		return a.waitUntilFree(ctx, s, seen)
	}
	return nil
}

func breakSeen(ctx context.Context, s *store.Store, seen lease.Info) error {
	err := s.Break(ctx, seen)
	switch {
	case errors.Is(err, lease.ErrHeld):
		return fmt.Errorf("nothing was broken: somebody else has it by now: %w; look again with leader status", err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w: this store cannot; end the holder, or wait", err)
	}
	return err
}

// confirm is nil if whoever called the command means it.
func (a *app) confirm(seen lease.Info, yes bool) error {
	if yes {
		return nil
	}
	if !show.IsTerminal(a.in) {
		return usage(errors.New("there is no terminal to ask on whether to take the lease away: say --yes if so"))
	}
	fmt.Fprintf(a.err, "Take it away from %s? Type yes: ", show.Printable(seen.Holder))
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.err)
	}
	return errors.New("nothing was changed: the answer was not yes")
}

// waitUntilFree returns once the lease that was broken can be taken, or has been.
func (a *app) waitUntilFree(ctx context.Context, s *store.Store, broke lease.Info) error {
	defer a.progress("")
	for {
		now, err := inspect(ctx, s, broke.Name)
		switch {
		case err != nil:
			return fmt.Errorf("the lease is broken, and now it cannot be seen whether it is free: %w", err)
		case now.State != lease.Held:
			a.progress("")
			fmt.Fprintln(a.out, "It is free.")
			return nil
		case now.ID != broke.ID && !now.Broken:
			a.progress("")
			fmt.Fprintf(a.out, "It was free, and %s has it now, with token %d.\n", show.Printable(now.Holder), now.Token)
			return nil
		}
		a.progress("waiting until it is free, %s ...", entryOf(now).upTo())
		if !store.Wait(ctx, untilFree(now, time.Second)) {
			return context.Cause(ctx)
		}
	}
}
