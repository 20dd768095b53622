package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

func (a *app) historyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "Who led, from when to when",
		Long: `history shows the last terms of a lease, the latest first, and changes nothing. The record of the lease keeps them, as many
as fit into 1 KB with what else is in it, and none if that is larger already; so there may be fewer than you wish, and programs
of older versions leave gaps. An acquisition that failed is not a term; on Azure one may be shown whose answer was lost.

How a term ended:
  leads     it goes on
  released  its holder gave the lease back
  expired   its holder let the lease run out: it crashed, or lost its connection. The end is a lease length after the last renewal
  left      likewise, and the holder is a job that may leave the lease to run out (leader run --once --hold-at-least, or WithHoldAtLeast in
            a program): it ended, or crashed before it had run for longer than that. Its exit status says which
  broken    "leader break" took the lease from it

Times are by the holders' clocks, to the second. On Azure nothing shows when a term ended.

Exit codes:
  0  there was a term
  1  the lease could not be read
  2  a flag, an argument or the store's URL is wrong
  4  there was none

With --json it prints one object a line for each term:
  lease         the name of the lease
  token         the fencing token of the term
  holder        who led
  begun, ended  RFC 3339; absent if not known, and ended while the term goes on
  how           released, expired, left or broken; absent while the term goes on
There may be more fields and endings later.

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_JSON; NO_COLOR.`,
		Example: `  leader history orders
  leader history orders --json | jq -r 'select(.how == "expired") | .holder'`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.history(cmd.Context(), s, given[0], asJSON) })
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// A pastTerm is one line of the history.
type pastTerm struct {
	Lease string `json:"lease"`
	leaderhttp.Term
}

func (a *app) history(ctx context.Context, s *store.Store, name string, asJSON bool) error {
	info, err := inspect(ctx, s, name)
	if err != nil {
		return err
	}
	terms := leaderhttp.NewTerms(info.Terms())
	if len(terms) == 0 {
		return &exitError{code: exitNone, err: fmt.Errorf("no node has led by lease %q yet", name)}
	}
	t := show.Table(a.out, "TOKEN", "HOLDER", "BEGUN", "ENDED", "LASTED", "HOW")
	for _, term := range terms {
		if asJSON {
			if err := show.JSON(a.out, pastTerm{name, term}); err != nil {
				return err
			}
			continue
		}
		lasted := ""
		if !term.Begun.IsZero() && !term.Ended.Before(term.Begun) {
			lasted = term.Ended.Sub(term.Begun).String()
		}
		t.AppendRow([]any{term.Token, show.Printable(term.Holder), timeOfDay(term.Begun), timeOfDay(term.Ended), lasted, howEnded(term.How)})
	}
	if !asJSON {
		t.Render()
	}
	return nil
}

func howEnded(how string) string {
	switch how {
	case "":
		return show.Good("leads")
	case string(lease.EndReleased), string(lease.EndLeft):
		return how
	}
	return show.Bad(show.Printable(how))
}

func timeOfDay(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}
