package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

const fleetWatchHelp = `watch looks at a fleet again and again, and prints a line for each change until it is interrupted. It changes nothing, and only
sees the fleet when it looks. Each look reads the plan and each seat of its width.

Changes:
  found        the fleet at the beginning, or once it can be read again
  coordinator  another node coordinates, or nobody does
  joined       a node has taken a seat
  draining     a node is to leave: its parts go to others
  left         a node has given its seat back, or its seat was taken over after it had run out
  expired      a node let its seat run out
  moved        a new plan gives parts to other nodes (with --verbose: a line for each part)
  nobody's     parts have no node; or if there are none: every part has a node again
  unreadable   the plan or a seat could not be read, for the given reason; watch goes on

Exit codes:
  1  the first look failed
  2  a flag, an argument or the store's URL is wrong

With --json it prints one object a line:
  at, change   when watch saw it, by this machine's clock (RFC 3339), and one of the changes above
  fleet, epoch the name of the fleet, and the number of the plan
  coordinator, node, parts
               what has changed: the coordinator, a node, or parts, each as in leader fleet status --json
  error        why something could not be read
Fields that do not apply are absent. There may be more fields later, and fields keep their meaning.

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_NAME, LEADER_EVERY,
LEADER_VERBOSE, LEADER_JSON; NO_COLOR.`

func (a *app) fleetWatchCommand() *cobra.Command {
	w := fleetWatcher{app: a}
	var name string
	cmd := &cobra.Command{
		Use:   "watch [NAME]",
		Short: "Each change of a fleet, as it happens",
		Long:  fleetWatchHelp,
		Example: `  leader fleet watch orders
  leader fleet watch orders --json | jq -r 'select(.change == "left").node.node'`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeFleets,
		RunE: func(cmd *cobra.Command, given []string) error {
			if w.every <= 0 {
				return usage(fmt.Errorf("--every %v is not positive: give an interval such as 2s", w.every))
			}
			if err := tooShort("every", w.every, leader.MinInterval); err != nil {
				return usage(err)
			}
			return w.onStore(cmd.Context(), func(s *store.Store) error { return w.run(cmd.Context(), s, nameOf(given, name)) })
		},
	}
	fleetNameFlag(cmd, &name)
	jsonFlag(cmd, &w.json)
	cmd.Flags().DurationVar(&w.every, "every", 2*time.Second, "`interval` between two looks")
	cmd.Flags().BoolVarP(&w.verbose, "verbose", "v", false, "tell of each part that moves, too")
	return cmd
}

type fleetWatcher struct {
	*app
	every         time.Duration
	json, verbose bool
}

// run ends with an error of the first look or of the output, or when ctx ends.
func (w fleetWatcher) run(ctx context.Context, s *store.Store, name string) error {
	var before *fleetEntry // nil: not known
	for failing := false; ; {
		o, err := inspectFleet(ctx, s, name)
		var changes []fleetChange
		switch {
		case err == nil:
			now := fleetOf(o)
			if before != nil {
				now.remember(before.Nodes)
			}
			changes = fleetChanges(before, now)
			before, failing = &now, false
		case before == nil && !failing && !errors.Is(err, lease.ErrRecord):
			return err
		case !failing:
			changes = []fleetChange{{Change: unreadable, Fleet: name, Error: words.OneLine(err)}}
			before, failing = nil, true
		}
		for _, c := range changes {
			if err := w.tell(c); err != nil {
				return err
			}
		}
		if !patience.Wait(ctx, w.every) {
			return context.Cause(ctx)
		}
	}
}

// A fleetChange has happened between two looks.
type fleetChange struct {
	At          time.Time         `json:"at"`
	Change      string            `json:"change"`
	Fleet       string            `json:"fleet"`
	Epoch       uint64            `json:"epoch,omitzero"`
	Coordinator *leaderhttp.Lease `json:"coordinator,omitempty"`
	Node        *nodeEntry        `json:"node,omitempty"`
	Parts       []partEntry       `json:"parts,omitempty"`
	Error       string            `json:"error,omitempty"`

	text string // for people
	was  map[string]string
}

func (w fleetWatcher) tell(c fleetChange) error {
	c.At = time.Now()
	if w.json {
		return show.JSON(w.out, c)
	}
	paint := show.Good
	switch c.Change {
	case unreadable, expired:
		paint = show.Bad
	case "draining", "left":
		paint = show.Doubt
	case "nobody's":
		if len(c.Parts) > 0 {
			paint = show.Bad
		}
	}
	if c.Error != "" {
		c.text += show.Printable(c.Error)
	}
	_, err := fmt.Fprintf(w.out, "%s  %s  %s\n", c.At.Format("2006-01-02 15:04:05"), paint(fmt.Sprintf("%-11s", c.Change)), c.text)
	if w.verbose && c.Change == "moved" {
		for _, p := range c.Parts {
			_, err = fmt.Fprintf(w.out, "%34s part %s  from %s to %s  token %d\n", "", show.Printable(p.Part), orNobody(c.was[p.Part]), orNobody(p.Node), p.Token)
		}
	}
	return err
}

func orNobody(node string) string {
	if node == "" {
		return "nobody"
	}
	return show.Printable(node)
}
