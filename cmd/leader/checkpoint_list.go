package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

func (a *app) checkpointListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "All checkpoints of the store",
		Long: `list shows the checkpoints whose names begin with the prefix, or all checkpoints, and changes nothing. It shows one that cannot be
read as unreadable, and goes on. Listing needs one more permission, as leader list does.

Exit codes:
  0  the list is complete; there may be unreadable checkpoints in it
  1  the list failed, or is not complete
  2  a flag, an argument or the store's URL is wrong

With --json it prints one object a line for each checkpoint, in the store's order:
` + positionHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_JSON; NO_COLOR.`,
		Example: `  leader checkpoint list --store s3://my-leases
  leader checkpoint list orders --json | jq -r .checkpoint`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeCheckpoints,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.listCheckpoints(cmd.Context(), s, nameOf(given, ""), asJSON) })
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) listCheckpoints(ctx context.Context, s *store.Store, prefix string, asJSON bool) error {
	var found []position
	for info, err := range s.Checkpoints(ctx, prefix) {
		if err != nil {
			a.printPositions(found, asJSON)
			return fmt.Errorf("the list is not complete: %w", checkpointError(err))
		}
		found = append(found, positionOf(info))
	}
	if len(found) == 0 {
		if err := s.FindPlace(ctx, lease.Info{}); err != nil {
			return err
		}
		if !asJSON {
			fmt.Fprintln(a.err, "There are no checkpoints.")
		}
	}
	return a.printPositions(found, asJSON)
}

func (a *app) printPositions(found []position, asJSON bool) error {
	if asJSON {
		for _, p := range found {
			if err := show.JSON(a.out, p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(x, y position) int { return cmp.Compare(x.Name, y.Name) })
	t := show.Table(a.out, "CHECKPOINT", "LEASE", "TOKEN", "WRITES", "VALUE")
	for _, p := range found {
		whose, value := "-", "-"
		if p.exists() {
			whose = show.Printable(p.Lease)
		}
		switch {
		case p.Error != "":
			value = show.Bad(unreadable) + " " + show.Printable(p.Error)
		case len(p.Value) > 0:
			value = shortened(show.PrintableJSON(p.Value))
		}
		t.AppendRow([]any{show.Printable(p.Name), whose, p.Token, p.Writes, value})
	}
	t.Render()
	return nil
}

// shortened returns as much of a value as a line has room for.
func shortened(value string) string {
	const most = 60
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return value
}
