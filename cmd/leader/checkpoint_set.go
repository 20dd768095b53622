package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

func (a *app) checkpointSetCommand() *cobra.Command {
	var o owner
	var yes bool
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Move a worker's position by hand",
		Long: `set writes a checkpoint: to begin again from an earlier position, or to skip what cannot be processed. VALUE is JSON of the
kind that the worker saves: 42, '"a text"', '{"at": 42}'. Write -- before a negative number.

Stop the worker first, if you can. One that has the checkpoint open gets an error from its next save, and its next term goes
on from VALUE.

The checkpoint stays that of the same lease and token. --lease and --token say otherwise. They are necessary
  - where there is no checkpoint yet, or one that cannot be read: --lease names the lease under which the worker runs (what a newer
    program wrote is never replaced: update this one);
  - after the lease's record was deleted, and its tokens began again at 1: --token 0 lets every term claim it.

set shows the checkpoint and asks whether to go on: type yes. Without a terminal, it does nothing unless you give --yes.

Exit codes:
  0  the checkpoint is set
  1  it could not be read or written, or the answer was not yes
  2  a flag, an argument or the store's URL is wrong, it is not known whose the checkpoint is, or there is no terminal to ask on

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_YES;
NO_COLOR. --lease and --token are flags alone: LEADER_LEASE and LEADER_TOKEN are those of a program under leader run.`,
		Example: `  leader checkpoint set orders-projection 41 --store s3://my-leases
  leader checkpoint set orders-projection '{"at": 0}' --lease orders --yes`,
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeCheckpoints,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.hasToken = cmd.Flags().Changed("token")
			if err := lease.CheckName(o.lease); err != nil && cmd.Flags().Changed("lease") { // empty: a variable that is not set
				return usage(fmt.Errorf("--lease: %w", err))
			}
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.setCheckpoint(cmd.Context(), s, given[0], given[1], o, yes) })
		},
	}
	cmd.Flags().StringVar(&o.lease, "lease", "", "`name` of the lease whose terms may claim the checkpoint (default as it is)")
	cmd.Flags().Uint64Var(&o.token, "token", 0, "the smallest fencing `token` that may claim it; 0: every term of the lease (default as it is)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// An owner says which terms may claim a checkpoint: those of a lease, from a token on.
type owner struct {
	lease    string
	token    uint64
	hasToken bool // false: as it is, or 0 if the lease is another
}

// of returns whose the checkpoint will be, and what says so to Reset.
func (o owner) of(seen position) (owner, []checkpoint.ResetOption, error) {
	switch same := o.lease == "" || o.lease == seen.Lease; {
	case same && !seen.exists():
		return o, nil, usage(fmt.Errorf("there is no checkpoint %q, so it is not known whose it will be: "+
			"name with --lease the lease under which its worker runs", seen.Name))
	case same && !o.hasToken:
		return owner{lease: seen.Lease, token: seen.Token}, nil, nil
	case same:
		o.lease = seen.Lease
	}
	if err := lease.CheckName(o.lease); err != nil {
		return o, nil, usage(fmt.Errorf("--lease: %w", err))
	}
	return o, []checkpoint.ResetOption{checkpoint.For(o.lease, o.token)}, nil
}

func (a *app) setCheckpoint(ctx context.Context, s *store.Store, name, text string, o owner, yes bool) error {
	var value json.RawMessage
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return usage(fmt.Errorf(`the value is not JSON: %w: in a shell, write a text as '"text"'`, err))
	}
	info, err := s.Checkpoint(ctx, name)
	seen := positionOf(info)
	switch {
	case errors.Is(err, checkpoint.ErrNewer):
		return err
	case errors.Is(err, lease.ErrRecord) && o.lease != "": // it is replaced
		fmt.Fprintf(a.out, "%s  %s %s\n", show.Printable(name), show.Bad(unreadable), show.Printable(words.OneLine(err)))
	case errors.Is(err, lease.ErrRecord):
		return fmt.Errorf("%w: to replace it, name with --lease the lease under which its worker runs", err)
	case err != nil:
		return checkpointError(err)
	default:
		seen.details(a)
	}
	will, whose, err := o.of(seen)
	if err != nil {
		return err
	}
	a.adviseOn(ctx, s, will)
	if err := a.confirm("Set it to "+show.PrintableJSON(value)+"?", "to set the checkpoint", yes); err != nil {
		return err
	}
	if err := s.ResetCheckpoint(ctx, name, value, whose...); err != nil {
		return checkpointError(err)
	}
	fmt.Fprintf(a.out, "%s Terms of lease %s may claim it, with token %d or a greater one.\n", show.Good("Set."), show.Printable(will.lease), will.token)
	return nil
}

// adviseOn tells what the lease says about the owner. It is silent if the lease cannot be seen: nothing depends on it.
func (a *app) adviseOn(ctx context.Context, s *store.Store, will owner) {
	if of, part, is := strings.Cut(will.lease, "/parts/"); is { // fleet.WithName refuses a name that contains that
		a.adviseOnPart(ctx, s, will, of, part)
		return
	}
	now, err := s.Inspect(ctx, will.lease)
	if err != nil {
		return
	}
	next, name := now.Token+1, show.Printable(will.lease)
	if now.State == lease.Held {
		next = now.Token
		fmt.Fprintf(a.err, "%s holds lease %s: if its work has the checkpoint open, its next save fails.\n", show.Printable(now.Holder), name)
	}
	if now.Token == 0 {
		fmt.Fprintf(a.err, "Lease %s was never taken: is that the name under which the worker runs?\n", name)
	}
	if will.token > next {
		fmt.Fprintf(a.err, "No term can claim the checkpoint before lease %s has token %d, and the next has %d: --token 0 lets every term.\n", name, will.token, next)
	}
}

// adviseOnPart is adviseOn for a part of a fleet, whose terms have no lease: the fleet's plan has their tokens.
func (a *app) adviseOnPart(ctx context.Context, s *store.Store, will owner, of, part string) {
	now, err := s.Fleet(ctx, of)
	if err != nil {
		return
	}
	name := fmt.Sprintf("part %s of fleet %s", show.Printable(part), show.Printable(of))
	next := now.Epoch + 1
	switch i := slices.IndexFunc(now.Parts, func(p fleet.PartInfo) bool { return p.Part == part }); {
	case i < 0:
		fmt.Fprintf(a.err, "There is no %s: is that the name under which the worker runs?\n", name)
	case now.Parts[i].Node != "":
		next = now.Parts[i].Token
		fmt.Fprintf(a.err, "%s has %s: if its work has the checkpoint open, its next save fails.\n", show.Printable(now.Parts[i].Node), name)
	}
	if will.token > next {
		fmt.Fprintf(a.err, "No term can claim the checkpoint before %s has token %d, and the next has %d or more: --token 0 lets every term.\n", name, will.token, next)
	}
}
