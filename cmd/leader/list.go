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

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "All leases of the store",
		Long: `list shows the leases whose names begin with the prefix, or all leases, and changes nothing. It shows contents of the store
that are not a lease as unreadable, and goes on. It shows the holders of leases that are held.

Listing needs one more permission (dynamodb:Scan, s3:ListBucket, storage.objects.list). A DynamoDB table is read, and billed,
as a whole.

` + statesHelp + `

Exit codes:
  0  the list is complete; there may be unreadable leases in it
  1  the list failed, or is not complete
  2  a flag, an argument or the store's URL is wrong

With --json it prints one object a line for each lease, in the store's order:
` + fieldsHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_JSON; NO_COLOR.`,
		Example: `  leader list
  leader list team-a/ --store s3://my-leases/prod
  leader list --json | jq -r 'select(.state == "held") | .lease'`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.list(cmd.Context(), s, nameOf(given, ""), asJSON) })
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) list(ctx context.Context, s *store.Store, prefix string, asJSON bool) error {
	var found []entry
	count := 0
	for info, err := range s.List(ctx, prefix) {
		a.progress("")
		if err != nil {
			a.printList(found)
			return fmt.Errorf("the list is not complete: %w", err)
		}
		count++
		if asJSON {
			if err := show.JSON(a.out, entryOf(info)); err != nil {
				return err
			}
			continue
		}
		found = append(found, entryOf(info))
		a.progress("%d leases ...", len(found))
	}
	a.progress("")
	if count == 0 {
		if err := s.FindPlace(ctx, lease.Info{}); err != nil {
			return err
		}
	}
	if !asJSON && len(found) == 0 {
		fmt.Fprintln(a.err, "There are no leases.")
	}
	a.printList(found)
	return nil
}

func (a *app) printList(found []entry) {
	if len(found) == 0 {
		return
	}
	slices.SortFunc(found, func(x, y entry) int { return cmp.Compare(x.Name, y.Name) })
	t := show.Table(a.out, "LEASE", "STATE", "HOLDER", "TOKEN", "SINCE", "TIME LEFT", "ATTRIBUTES")
	for _, e := range found {
		holder, since, rest := "-", "-", ""
		switch {
		case e.State == unreadable:
			rest = show.Printable(e.Error)
		case e.holds() && e.Token > 0:
			holder, since, rest = show.Printable(e.Holder), ago(e.Acquired), e.attributes()
		}
		t.AppendRow([]any{show.Printable(e.Name), e.coloured(), holder, e.Token, since, e.upTo(), rest})
	}
	t.Render()
}
