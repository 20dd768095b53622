package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

func (a *app) fleetResetCommand() *cobra.Command {
	var yes bool
	var above uint64
	cmd := &cobra.Command{
		Use:   "reset NAME",
		Short: "Replace a damaged plan by an empty one",
		Long: `reset replaces the plan of a fleet, which somebody or something has damaged, by one in which every part is nobody's. The next
coordinator divides the parts anew. A plan that the nodes understand does not need this command: they go on from it.

Stop all nodes first. reset does nothing while a node coordinates or has a seat, and says which. If a node has crashed, and the store does
not tell how old a lease is, reset watches that lease until it has run out.

The new plan's number is above the old one's, so the tokens of the parts go on growing. If the old number cannot be read, reset
asks for --above: give the greatest token of a part that was ever seen, in the logs or where the effects went. Give it, too, if the
fleet's record was deleted or an older one restored: reset then makes a record.

reset shows the fleet and asks whether to go on: type yes. Without a terminal, it does nothing unless you give --yes.

Exit codes:
  0  the plan is empty, or there was none and --above is not given
  1  a node coordinates or has a seat, the reset failed, or the answer was not yes
  2  a flag, an argument or the store's URL is wrong, or there is no terminal to ask on

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_ABOVE,
LEADER_YES; NO_COLOR.`,
		Example: `  leader fleet reset orders --store s3://my-leases
  leader fleet reset orders --yes --above 5120`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeFleets,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.resetFleet(cmd.Context(), s, given[0], above, yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().Uint64Var(&above, "above", 0, "`token`: the new tokens are greater than this one")
	return cmd
}

func (a *app) resetFleet(ctx context.Context, s *store.Store, name string, above uint64, yes bool) error {
	o, err := inspectFleet(ctx, s, name)
	switch {
	case errors.Is(err, lease.ErrRecord) && o.Coordinator.Name != "":
		fmt.Fprintf(a.out, "%s  the plan cannot be read: %s\n", show.Printable(name), show.Printable(err.Error()))
	case err != nil:
		return err
	case o.Coordinator.Token == 0 && above == 0:
		fmt.Fprintln(a.out, "There is no such fleet: there is nothing to reset. If its record was deleted, give --above.")
		return nil
	case o.Coordinator.Token == 0:
		fmt.Fprintf(a.out, "%s  there is no record of it\n", show.Printable(name))
	default:
		fleetOf(o).details(a.out, false)
	}
	if err := a.confirm("Make every part nobody's?", "to make every part nobody's", yes); err != nil {
		return err
	}
	watching := 2 * max(o.Coordinator.Length, fleet.DefaultLeaseLength)
	a.progress("waiting until the leases of dead nodes have run out, up to %v (interrupt it twice to end it) ...", watching)
	err = uninterrupted(func() error { return s.ResetFleet(ctx, name, above, watching) })
	a.progress("")
	switch {
	case errors.Is(err, lease.ErrHeld):
		return fmt.Errorf("nothing was reset: %w: stop all nodes first", err)
	case errors.Is(err, lease.ErrInvalid): // of --above
		return usage(err)
	case err != nil:
		return err
	}
	fmt.Fprintf(a.out, "%s The next coordinator divides the parts anew.\n", show.Good("Reset."))
	return nil
}
