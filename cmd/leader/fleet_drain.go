package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

func (a *app) fleetDrainCommand() *cobra.Command {
	var resume bool
	var tell hosts
	var seat int
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "drain NAME [NODE]",
		Short: "Make a node give its parts to others",
		Long: `drain asks a node to give all its parts to others and to take none, and waits until it has none. Its programs run on until other
nodes are to have their parts. The node's process stays, with its seat, and gets no part until --cancel or until it is started anew; it
may coordinate. Parts for which no other node has room are nobody's.

To end a node, no drain is needed: it drains when it gets SIGTERM.

NODE is the node's name, as leader fleet status shows it. If several have the same, or none, give --seat.

Exit codes:
  0  the node has no part any more; with --cancel, it takes parts again
  1  the node's program cannot be drained, it still had parts after --wait (it goes on draining), or the store has failed
  2  a flag, an argument or the store's URL is wrong, or there is no such node

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_SEAT, LEADER_CANCEL,
LEADER_FLEET_WAIT, LEADER_TELL; NO_COLOR.`,
		Example: `  leader fleet drain orders host-3
  leader fleet drain orders host-3 --cancel`,
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeFleets,
		RunE: func(cmd *cobra.Command, given []string) error {
			if (len(given) == 2) == (seat != 0) {
				return usage(errors.New("name the node, or give --seat"))
			}
			return a.onTellingStore(cmd.Context(), tell, func(s *store.Store) error {
				return a.drainFleet(cmd.Context(), s, given, seat, resume, wait)
			})
		},
	}
	cmd.Flags().BoolVar(&resume, "cancel", false, "let the node take parts again")
	cmd.Flags().IntVar(&seat, "seat", 0, "`number` of the node's seat, instead of its name")
	waitFlag(cmd, &wait, "how long to wait for the node")
	tellFlag(cmd, &tell)
	return cmd
}

func (a *app) drainFleet(ctx context.Context, s *store.Store, given []string, seat int, resume bool, wait time.Duration) error {
	name := given[0]
	o, err := inspectFleet(ctx, s, name)
	if err != nil {
		return err
	}
	n, err := nodeIn(o, strings.Join(given[1:], ""), seat)
	if err != nil {
		return usage(err)
	}
	ctx, cancel := waiting(ctx, wait)
	defer cancel()
	if resume {
		goesOn := "the node takes parts again if it was asked already: leader fleet status shows it"
		if err := untilInterrupted(ctx, goesOn, func(ctx context.Context) error { return fleet.Resume(ctx, s.Manager, name, n.Seat) }); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s %s takes parts again, in another seat.\n", show.Good("Cancelled."), show.Printable(n.Node))
		return nil
	}
	fmt.Fprintf(a.out, "%s, in seat %d, has %s.\n", show.Printable(n.Node), n.Seat, count(n.Parts, "part"))
	goesOn := fmt.Sprintf("the node drains if it was asked already: leader fleet status shows it; to let it take parts again: leader fleet drain %s --seat %d --cancel",
		show.Printable(name), n.Seat)
	if err := untilInterrupted(ctx, goesOn, func(ctx context.Context) error { return fleet.Drain(ctx, s.Manager, name, n.Seat) }); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s It has no part any more, and gets none.\n", show.Good("Drained."))
	return nil
}

// nodeIn finds the node that holds a seat, by its name or by the seat.
func nodeIn(o fleet.Overview, node string, seat int) (found fleet.NodeInfo, err error) {
	var seats []string
	for _, n := range o.Nodes {
		if n.State == lease.Held && (n.Seat == seat || seat == 0 && n.Node == node) {
			found = n
			seats = append(seats, fmt.Sprint(n.Seat))
		}
	}
	switch {
	case len(seats) == 1:
		return found, nil
	case seat != 0:
		return found, fmt.Errorf("fleet %q: nobody holds seat %d", o.Fleet, seat)
	case seats == nil:
		return found, fmt.Errorf("fleet %q: no node %q holds a seat", o.Fleet, node)
	}
	return found, fmt.Errorf("fleet %q: several nodes have the name %q: give one of --seat %s", o.Fleet, node, strings.Join(seats, ", --seat "))
}
