package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

const exitOther = 4 // handover: the holder has given the lease up, and another node leads than the one that was named, or none

// A handover says what the command is to do.
type handover struct {
	to                string
	cancel, yes, wait bool
	tell              hosts
}

func (a *app) handoverCommand() *cobra.Command {
	var h handover
	cmd := &cobra.Command{
		Use:   "handover NAME --to NODE",
		Short: "Ask the node that leads to hand over to another",
		Long: `handover asks the holder of a lease to give it up, in favour of the node with the ID NODE. It writes that into the record of the
lease. The holder finds it at its next renewal, tells its work to stop, and releases the lease once the work has returned. The
other nodes leave the lease to NODE for an acquire interval and a request, and then any of them takes it.

Nobody can tell from the store whether NODE is there and well: the nodes that stand by write nothing. So check it first: its /standby
(leader run --listen, or package leaderhttp) answers 200; leader list shows the other leases that it holds, leader fleet status the
nodes of a fleet. If NODE does not ask for the lease, nobody leads until the others have waited for it: handover says for how long,
at the default acquire interval. Then another node leads. It also says whether NODE has led before, as far as the history goes.

The holder can be asked only while it renews in time, and for one thing at a time; a program without hand-overs not at all, nor a job
(leader run --once, RunOnce), as nobody goes on with it. A program that holds a lease by Leader.Acquire has to stop in the middle of its task.

handover shows the holder and asks whether to go on: type yes. Without a terminal, it does nothing unless you give --yes. Then it
waits until a node leads, for as long as the work takes to stop; with --wait=false it does not. If you interrupt
it, the hand-over goes on. --cancel takes the hand-over back that somebody has asked for, until the holder has begun.

Exit codes:
  0  NODE leads; with --wait=false: its holder is asked; with --cancel: nobody is asked any more
  1  the store failed, the answer was not yes, the holder cannot be asked, has refused, or has begun, or the
     wait was interrupted
  2  a flag, an argument or the store's URL is wrong, or there is no terminal to ask on
  4  the holder has given the lease up, but NODE does not lead: another node does, or none

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_TO, LEADER_CANCEL, LEADER_WAIT, LEADER_YES,
LEADER_TELL; NO_COLOR.`,
		Example: `  leader handover orders --to node-b
  leader handover orders --to node-b --yes --store s3://my-leases
  leader handover orders --cancel`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := h.check(); err != nil {
				return usage(err)
			}
			return a.onTellingStore(cmd.Context(), h.tell, func(s *store.Store) error { return a.handOver(cmd.Context(), s, given[0], h) })
		},
	}
	cmd.Flags().StringVar(&h.to, "to", "", "the ID of the `node` that is to lead next")
	cmd.Flags().BoolVar(&h.cancel, "cancel", false, "take back what somebody has asked for")
	cmd.Flags().BoolVar(&h.wait, "wait", true, "wait until a node leads")
	cmd.Flags().BoolVar(&h.yes, "yes", false, "do not ask")
	tellFlag(cmd, &h.tell)
	return cmd
}

func (h handover) check() error {
	switch {
	case h.cancel && h.to != "":
		return errors.New("--cancel takes a hand-over back, and --to asks for one: give one of them")
	case h.cancel:
		return nil
	case h.to == "":
		return errors.New("--to is missing: name the node that is to lead next, by its ID, such as --to node-b")
	}
	if err := lease.CheckName(h.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return nil
}

func (a *app) handOver(ctx context.Context, s *store.Store, name string, h handover) error {
	seen, err := inspect(ctx, s, name)
	if err != nil {
		return err
	}
	entryOf(seen).details(a.out)
	switch {
	case h.cancel:
		return a.cancelHandover(ctx, s, seen)
	case seen.State != lease.Held || seen.Broken:
		return errors.New("nobody holds the lease: there is nobody to ask")
	case seen.Holder == h.to:
		fmt.Fprintf(a.out, "%s leads already: there is nothing to do.\n", show.Printable(h.to))
		return nil
	}
	fmt.Fprint(a.out, unchecked(seen, h.to))
	question := fmt.Sprintf("Ask %s to hand over to %s?", show.Printable(seen.Holder), show.Printable(h.to))
	if err := a.confirm(question, "to hand over", h.yes); err != nil {
		return err
	}
	begun := time.Now()
	if err := askFor(ctx, s, seen, h.to); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Asked. %s begins at its next renewal, %s.\n", show.Printable(seen.Holder), nextRenewal(seen))
	if !h.wait {
		return nil
	}
	goesOn := fmt.Sprintf("the hand-over goes on; to take it back while %s has not begun: leader handover %s --cancel", show.Printable(seen.Holder), show.Printable(name))
	return untilInterrupted(ctx, goesOn, func(ctx context.Context) error { return a.waitUntilHandedOver(ctx, s, seen, h.to, begun) })
}

// unchecked says what nobody checks of the node that is to lead next, and what it costs if that is not there.
func unchecked(seen lease.Info, to string) string {
	led := map[string]bool{}
	for _, term := range seen.Terms() {
		led[show.Printable(term.Holder)] = true
	}
	text := fmt.Sprintf("\nNobody checks that %s is there and well: look at its /standby first. If it does not ask for the lease, nobody leads for up to %v\n"+
		"(at the default acquire interval), and then another node does.\n", show.Printable(to), show.Ceil(unled(seen.Length)))
	if !led[show.Printable(to)] && len(seen.History.Terms()) > 0 {
		text += fmt.Sprintf("%s has not led in the last %d terms. Those that have: %s.\n", show.Printable(to), len(seen.Terms()), strings.Join(slices.Sorted(maps.Keys(led)), ", "))
	}
	return text
}

// unled returns for how long nobody leads if the node that was named is not there: the others look at the lease within an acquire interval, and
// leave it to that node for as long again and a request (lease.Request.Yield).
func unled(length time.Duration) time.Duration {
	return 2*length/lease.IntervalsPerLength + time.Second
}

func nextRenewal(seen lease.Info) string {
	if seen.RenewEvery <= 0 {
		return "whenever that is"
	}
	return fmt.Sprintf("within %v", show.Ceil(seen.RenewEvery))
}

func askFor(ctx context.Context, s *store.Store, seen lease.Info, to string) error {
	err := s.AskHolder(ctx, seen, lease.Wish{Kind: lease.WishHandover, For: to, By: person()})
	switch {
	case errors.Is(err, lease.ErrHeld):
		return fmt.Errorf("nothing was asked: another node has the lease by now: %w; look again with leader status", err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w: nobody can be asked through this store; stop the holder, and another node leads", err)
	}
	return err
}

// person returns who asks, for people.
func person() string {
	host, _ := os.Hostname()
	by := fmt.Sprintf("%s@%s", cmp.Or(os.Getenv("USER"), os.Getenv("USERNAME"), "somebody"), cmp.Or(host, "unknown"))
	if lease.CheckName(by) != nil {
		return "leader handover"
	}
	return by
}

func (a *app) cancelHandover(ctx context.Context, s *store.Store, seen lease.Info) error {
	if seen.State != lease.Held || seen.Wish.Kind != lease.WishHandover || !seen.Wish.Stands() {
		fmt.Fprintln(a.out, "Nobody has asked its holder to hand over: there is nothing to take back.")
		return nil
	}
	if err := s.WithdrawWish(ctx, seen); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s %s leads on.\n", show.Good("Taken back."), show.Printable(seen.Holder))
	return nil
}
