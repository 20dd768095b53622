package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

func (a *app) fleetMoveCommand() *cobra.Command {
	var to string
	var unpin bool
	var wait time.Duration
	var tell hosts
	cmd := &cobra.Command{
		Use:   "move NAME PART",
		Short: "Pin a part to a node, or unpin it",
		Long: `move asks the coordinator to give a part to a node, and waits until the part is there. The part is pinned: it stays while the node
is there and does not drain, whatever that does to the balance, and the other parts are balanced around it. When the node is gone, another
gets the part. When the node is back, and no node has come or gone for a while, the part comes back, too. Name nodes with --node of leader
fleet run, so that they have the same name when they are back.

--unpin lets the part move as any other again.

The part goes through the same steps as always: its program ends on the old node before it begins on the new one. A node that is not
there, or drains, is refused. A full node gets the part when it has room, or, when no node has come or gone for a while, in exchange for
a part that is not pinned to it.

While programs run that know no pins (see docs/compatibility.md), pin nothing: they cannot read the plan.

Exit codes:
  0  the part is pinned, and the node works on it; with --unpin, it is not pinned
  1  nobody coordinates, the coordinator does not know pins, the part was not there in time (it stays pinned), or the store has failed
  2  a flag, an argument or the store's URL is wrong, or there is no such part or node

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_TO, LEADER_UNPIN,
LEADER_FLEET_WAIT, LEADER_TELL; NO_COLOR.`,
		Example: `  leader fleet move orders 17 --to host-3
  leader fleet move orders 17 --unpin`,
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeFleets,
		RunE: func(cmd *cobra.Command, given []string) error {
			if (to == "") != unpin {
				return usage(errors.New("give --to NODE, or --unpin"))
			}
			return a.onTellingStore(cmd.Context(), tell, func(s *store.Store) error {
				return a.moveFleet(cmd.Context(), s, given[0], given[1], to, wait)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`node` that is to have the part")
	cmd.Flags().BoolVar(&unpin, "unpin", false, "let the part move as any other again")
	waitFlag(cmd, &wait, "how long to wait for the coordinator, and until the part is there")
	tellFlag(cmd, &tell)
	return cmd
}

func waitFlag(cmd *cobra.Command, wait *time.Duration, text string) {
	cmd.Flags().DurationVar(wait, "wait", 2*time.Minute, text)
	cmd.Flags().Lookup("wait").Annotations = map[string][]string{ownVariable: {"LEADER_FLEET_WAIT"}} // elsewhere, --wait is yes or no
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *wait <= 0 {
			return usage(fmt.Errorf("--wait %v is not positive: give a time such as 2m", *wait))
		}
		return nil
	}
}

// waiting bounds what waits for others by --wait.
func waiting(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, wait, fmt.Errorf("the %v of --wait are over", wait))
}

func (a *app) moveFleet(ctx context.Context, s *store.Store, name, part, to string, wait time.Duration) error {
	ctx, cancel := waiting(ctx, wait)
	defer cancel()
	goesOn := "the coordinator does it if it was asked already: leader fleet status shows what is pinned"
	if err := untilInterrupted(ctx, goesOn, func(ctx context.Context) error { return fleet.Move(ctx, s.Manager, name, part, to) }); err != nil {
		if errors.Is(err, lease.ErrInvalid) {
			err = usage(err)
		}
		return err
	}
	if to == "" {
		fmt.Fprintf(a.out, "%s Part %s moves as any other.\n", show.Good("Unpinned."), show.Printable(part))
		return nil
	}
	fmt.Fprintf(a.out, "%s Part %s is to be with %s.\n", show.Good("Pinned."), show.Printable(part), show.Printable(to))
	goesOn = fmt.Sprintf("the part moves on; to unpin it: leader fleet move %s %s --unpin", show.Printable(name), show.Printable(part))
	return untilInterrupted(ctx, goesOn, func(ctx context.Context) error { return a.waitUntilThere(ctx, s, name, part, to) })
}

// waitUntilThere waits until a pinned part is with its node.
func (a *app) waitUntilThere(ctx context.Context, s *store.Store, name, part, to string) error {
	for {
		o, err := s.Fleet(ctx, name)
		if err != nil {
			return err
		}
		for _, p := range o.Parts {
			switch {
			case p.Part != part:
			case p.Pinned != to:
				return fmt.Errorf("part %q is pinned to %q no more: somebody else has changed that", part, to)
			case p.Node == to && p.Why == "":
				fmt.Fprintf(a.out, "It is there, with token %d.\n", p.Token)
				return nil
			}
		}
		if !patience.Wait(ctx, betweenLooks(o.Coordinator)) {
			return fmt.Errorf("part %q is pinned, and not with %q yet: leader fleet status says why: %w", part, to, context.Cause(ctx))
		}
	}
}
