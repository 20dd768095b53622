package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

const exitNobody = 4 // status: nobody leads

// defaultName is package leader's.
const defaultName = "leader"

func (a *app) statusCommand() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Who leads, and until when",
		Long: `status shows who holds a lease, and changes nothing.

` + statesHelp + `

Exit codes:
  0  a node leads
  1  the lease could not be read
  2  a flag, an argument or the store's URL is wrong
  4  no node leads

With --json it prints one object, in one line:
` + fieldsHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_NAME, LEADER_JSON; NO_COLOR.`,
		Example: `  leader status
  leader status orders --store 'dynamodb://leases?region=eu-west-1'
  leader status orders --json | jq -r 'select(.state == "held").holder'
  leader status orders >/dev/null; [ $? -ne 4 ] || echo nobody leads`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.status(cmd.Context(), s, nameOf(given, name), asJSON) })
		},
	}
	nameFlag(cmd, &name)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func nameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", defaultName, "`name` of the lease, if there is no argument")
}

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON, for programs")
}

func nameOf(given []string, name string) string {
	if len(given) > 0 {
		return given[0]
	}
	return name
}

func (a *app) status(ctx context.Context, s *store.Store, name string, asJSON bool) error {
	info, err := inspect(ctx, s, name)
	if errors.Is(err, lease.ErrRecord) {
		info = lease.Info{Name: name, Err: err}
	} else if err != nil {
		return err
	}
	e := entryOf(info)
	if asJSON {
		if err := show.JSON(a.out, e); err != nil {
			return err
		}
	} else {
		e.details(a.out)
	}
	switch e.State {
	case held:
		return nil
	case unreadable:
		return &exitError{code: exitFailed, err: info.Err}
	}
	return &exitError{code: exitNobody}
}

// untilFree returns when to look next at a lease: soon, or when it may run out if that is sooner.
func untilFree(i lease.Info, soon time.Duration) time.Duration {
	if i.State == lease.Held && i.RetryAfter > 0 {
		return min(soon, i.RetryAfter)
	}
	return soon
}
