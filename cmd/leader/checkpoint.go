package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/lease"
)

const exitNone = 4 // checkpoint show, value show: there is none

func (a *app) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Show, list or set workers' positions",
		Long: `A checkpoint is the position of a worker, in the store of its lease: a program writes it with package checkpoint. It has the
name of the lease whose terms may claim it, the fencing token of the term that did so last, and a value in JSON.`,
	}
	cmd.AddCommand(a.checkpointShowCommand(), a.checkpointListCommand(), a.checkpointSetCommand())
	return cmd
}

func (a *app) checkpointShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "A worker's position, and whose it is",
		Long: `show shows a checkpoint, and changes nothing.

Exit codes:
  0  there is a checkpoint
  1  it could not be read
  2  a flag, an argument or the store's URL is wrong
  4  there is no checkpoint of this name

With --json it prints one object, in one line:
` + positionHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_JSON; NO_COLOR.`,
		Example: `  leader checkpoint show orders-projection --store s3://my-leases
  leader checkpoint show orders-projection --json | jq .value`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeCheckpoints,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error { return a.showCheckpoint(cmd.Context(), s, given[0], asJSON) })
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) showCheckpoint(ctx context.Context, s *store.Store, name string, asJSON bool) error {
	info, err := s.Checkpoint(ctx, name)
	if err != nil {
		return checkpointError(err)
	}
	p := positionOf(info)
	if !asJSON {
		p.details(a)
	} else if err := show.JSON(a.out, p); err != nil {
		return err
	}
	if !p.exists() {
		return &exitError{code: exitNone}
	}
	return nil
}

const positionHelp = `  checkpoint  the name of the checkpoint
  lease       the lease whose terms may claim it; absent if there is no checkpoint, or it cannot be read
  token       the token of the term that claimed it last; terms with a smaller one cannot
  writes      how often it was written since that claim
  value       the value, as the worker saved it; absent if none was ever saved
  error       in a list: why the checkpoint cannot be read
Fields that do not apply are absent. There may be more fields later, and fields keep their meaning.`

// A position shows one checkpoint.
type position struct {
	Name   string          `json:"checkpoint"`
	Lease  string          `json:"lease,omitempty"`
	Token  uint64          `json:"token,omitzero"`
	Writes uint64          `json:"writes,omitzero"`
	Value  json.RawMessage `json:"value,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func positionOf(i checkpoint.Info[json.RawMessage]) position {
	p := position{Name: i.Name, Lease: i.Lease, Token: i.Token, Writes: i.Count, Value: i.Value}
	if i.Err != nil {
		p.Error = words.OneLine(i.Err)
	}
	return p
}

func (p position) exists() bool { return p.Lease != "" }

// details shows a checkpoint to people.
func (p position) details(a *app) {
	if !p.exists() {
		fmt.Fprintf(a.out, "%s  %s\n", show.Printable(p.Name), show.Doubt("there is no checkpoint"))
		return
	}
	fmt.Fprintln(a.out, show.Printable(p.Name))
	t := show.Table(a.out)
	t.AppendRow(table.Row{"  lease", show.Printable(p.Lease)})
	t.AppendRow(table.Row{"  token", p.Token})
	t.AppendRow(table.Row{"  writes", fmt.Sprintf("%d since it was claimed or set", p.Writes)})
	value := "none was saved yet"
	if len(p.Value) > 0 {
		value = show.PrintableJSON(p.Value)
	}
	t.AppendRow(table.Row{"  value", value})
	t.Render()
}

// checkpointError says what a person can do about an error.
func checkpointError(err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w: this store keeps leases alone: use one that keeps checkpoints beside them", err)
	case errors.Is(err, lease.ErrInvalid):
		return usage(err)
	}
	return err
}
