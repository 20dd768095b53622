package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

// fleetFieldsHelp describes a fleet to authors of programs.
const fleetFieldsHelp = `  fleet           the name of the fleet
  coordinator     the lease of the coordinator, with the fields of leader status --json
  epoch           the number of the plan: each plan has the next one; absent if there is none yet
  parts_version   the version of the list of parts; absent if it is 0
  width           how many seats the coordinator looks at
  nodes           one object for each seat that is held, or that has parts:
                  seat, token, node, state (as that of a lease), parts (how many), weight (absent for a spare),
                  capacity, draining, epoch (of the plan that it has taken), stopping (how many parts it was to
                  stop, and has not), left_seconds, attributes, error (why the seat could not be read)
  parts           one object for each part:
                  part, token, node (absent: nobody's), seat, from (the node that may still work on it, and that
                  node waits for), why (why nobody works on it; absent: somebody does, as far as the plan tells), pinned (the node
                  that it is to be with, by leader fleet move)
A node whose seat cannot be read is named by it: "seat 3, which cannot be read". It may work on its parts.
Fields that do not apply are absent. There may be more fields later, and fields keep their meaning.`

func (a *app) fleetStatusCommand() *cobra.Command {
	var name string
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show the nodes, and which node has each part",
		Long: `status shows the nodes of a fleet and its parts, and changes nothing. It reads the plan, and each seat of the plan's width: 4 at
first, and more than there are nodes.

NODE is the node that has a part by the plan. FROM is the node that had it before, and may still work on it: the part waits until that
node has stopped its program. WHY says why nobody works on a part. PINNED TO is the node that leader fleet move has asked for. Of a fleet
of more than 100 parts, it shows the parts that move, that nobody works on or that are pinned; --all shows each.

Exit codes:
  0  a node coordinates
  1  the plan could not be read
  2  a flag, an argument or the store's URL is wrong
  4  no node coordinates: the fleet is not running, or its coordinator has died just now

With --json it prints one object, in one line:
` + fleetFieldsHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_NAME, LEADER_ALL,
LEADER_JSON; NO_COLOR.`,
		Example: `  leader fleet status orders
  leader fleet status orders --json | jq '.parts[] | select(.why)'`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeFleets,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onStore(cmd.Context(), func(s *store.Store) error {
				return a.fleetStatus(cmd.Context(), s, nameOf(given, name), asJSON, all)
			})
		},
	}
	fleetNameFlag(cmd, &name)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&all, "all", false, "show each part, also of a fleet with more than 100")
	return cmd
}

func (a *app) fleetStatus(ctx context.Context, s *store.Store, name string, asJSON, all bool) error {
	o, err := inspectFleet(ctx, s, name)
	if err != nil && o.Coordinator.Name == "" {
		return err
	}
	f := fleetOf(o)
	switch {
	case err != nil: // the plan cannot be read, and the coordinator can
	case asJSON:
		if err := show.JSON(a.out, f); err != nil {
			return err
		}
	default:
		f.details(a.out, all)
	}
	switch {
	case errors.Is(err, lease.ErrNewer):
		return err
	case err != nil:
		return fmt.Errorf("%w; leader fleet reset makes a new plan, once all nodes have stopped", err)
	case f.Coordinator.State != held:
		return &exitError{code: exitNobody}
	}
	return nil
}

// A fleetEntry shows a fleet. It does not show the plan's text.
type fleetEntry struct {
	Fleet       string           `json:"fleet"`
	Coordinator leaderhttp.Lease `json:"coordinator"`
	Epoch       uint64           `json:"epoch,omitzero"`
	Version     uint64           `json:"parts_version,omitzero"`
	Width       int              `json:"width,omitzero"`
	Nodes       []nodeEntry      `json:"nodes,omitempty"`
	Parts       []partEntry      `json:"parts,omitempty"`
}

type nodeEntry struct {
	Seat        int               `json:"seat"`
	Token       uint64            `json:"token,omitzero"`
	Node        string            `json:"node,omitempty"`
	State       string            `json:"state"`
	Parts       int               `json:"parts"`
	Weight      int               `json:"weight,omitzero"`
	Capacity    int               `json:"capacity,omitzero"`
	Draining    bool              `json:"draining,omitzero"`
	Epoch       uint64            `json:"epoch,omitzero"`
	Stopping    int               `json:"stopping,omitzero"`
	LeftSeconds float64           `json:"left_seconds,omitzero"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Error       string            `json:"error,omitempty"`

	last string // of a seat that cannot be read: its state when it could; empty: not known
}

type partEntry struct {
	Part  string `json:"part"`
	Token uint64 `json:"token,omitzero"`
	Node  string `json:"node,omitempty"`
	Seat  int    `json:"seat,omitzero"`
	From  string `json:"from,omitempty"`
	Why   string `json:"why,omitempty"`

	Pinned string `json:"pinned,omitempty"`
}

func fleetOf(o fleet.Overview) fleetEntry {
	f := fleetEntry{Fleet: o.Fleet, Coordinator: leaderhttp.NewLease(o.Coordinator), Epoch: o.Epoch, Version: o.Version, Width: o.Width}
	for _, n := range o.Nodes {
		e := nodeEntry{
			Seat: n.Seat, Token: n.Token, Node: n.Node, State: n.State.String(), Parts: n.Parts, Weight: n.Weight, Capacity: n.Capacity,
			Draining: n.Draining, Epoch: n.Epoch, Stopping: n.Stopping, Attributes: n.Attrs,
		}
		if n.State == lease.Held {
			e.LeftSeconds = float64(n.Left.Milliseconds()) / 1000
		}
		if n.Err != nil {
			e.State, e.Error = unreadable, words.OneLine(n.Err)
		}
		f.Nodes = append(f.Nodes, e)
	}
	for _, p := range o.Parts {
		f.Parts = append(f.Parts, partEntry(p))
	}
	return f
}

// upTo returns the time left of a node's seat, for people.
func (n nodeEntry) upTo() string {
	if n.LeftSeconds > 0 {
		return "up to " + show.Ceil(show.Duration(n.LeftSeconds)).String()
	}
	return "-"
}
