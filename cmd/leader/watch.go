package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

func (a *app) watchCommand() *cobra.Command {
	w := watcher{app: a}
	var name string
	cmd := &cobra.Command{
		Use:   "watch [NAME]",
		Short: "Each change of a lease, as it happens",
		Long: `watch looks at one lease again and again, and prints a line for each change until it is interrupted. It changes nothing. It
only sees the lease when it looks: of a term that comes and goes between two looks, it sees what is left. In a directory on
this machine it looks soon after each change but a renewal, whatever --every says. It reports that a
lease has run out once that is certain: if the store does not tell how old a record is, after watching for a whole length.

Changes:
  found       the state at the beginning, or once the lease can be read again
  taken       a node leads, and the lease was free before
  taken over  another node leads, and the old holder was not seen to release the lease
  renewed     the holder has renewed the lease, perhaps with another value (with --verbose; Azure shows only the latter)
  updated     the holder publishes other attributes
  asked       somebody asks something of the holder, such as "leader handover": that renews nothing
  withdrawn   somebody has taken that back
  released    the holder released the lease
  expired     the holder let the lease run out
  left        likewise, and it is a job's that may leave the lease to run out: it has ended, or crashed. The state is expired
  broken      "leader break" took the lease from its holder
  gone        somebody removed the record, which leader never does
  unreadable  the lease could not be read, for the given reason; watch goes on

Exit codes:
  1  the first look failed
  2  a flag, an argument or the store's URL is wrong

With --json it prints one object a line:
  at, change      when watch saw it, by this machine's clock (RFC 3339), and one of the changes above
` + fieldsHelp + `

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_NAME, LEADER_EVERY,
LEADER_VERBOSE, LEADER_JSON; NO_COLOR.`,
		Example: `  leader watch orders
  leader watch orders --json | while read -r change; do notify "$change"; done`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if w.every <= 0 {
				return usage(fmt.Errorf("--every %v is not positive: give an interval such as 1s", w.every))
			}
			if err := tooShort("every", w.every, leader.MinInterval); err != nil {
				return usage(err)
			}
			return w.onStore(cmd.Context(), func(s *store.Store) error { return w.run(cmd.Context(), s, nameOf(given, name)) })
		},
	}
	nameFlag(cmd, &name)
	jsonFlag(cmd, &w.json)
	cmd.Flags().DurationVar(&w.every, "every", time.Second, "`interval` between two looks, each of which is a request")
	cmd.Flags().BoolVarP(&w.verbose, "verbose", "v", false, "tell of renewals, too")
	return cmd
}

type watcher struct {
	*app
	every         time.Duration
	json, verbose bool
}

// run ends with an error of the first look or of the output, or when ctx ends.
func (w watcher) run(ctx context.Context, s *store.Store, name string) error {
	var before *lease.Info // nil: not known
	hints := watchHints(ctx, s.Manager, name, w.every/10)
	for failing := false; ; {
		now, err := inspect(ctx, s, name)
		switch {
		case err == nil:
			if change := changeOf(before, now); change != "" && (change != "renewed" || w.verbose) {
				if err := w.tell(change, entryOf(now)); err != nil {
					return err
				}
			}
			before, failing = &now, false
		case before == nil && !failing && !errors.Is(err, lease.ErrRecord):
			return err
		case !failing:
			if err := w.tell(unreadable, entryOf(lease.Info{Name: name, Err: err})); err != nil {
				return err
			}
			before, failing = nil, true
		}
		if !hints.wait(ctx, untilFree(now, w.every)) {
			return context.Cause(ctx)
		}
	}
}

// hints come from a store that can tell when a lease changes.
type hints struct {
	begun chan (<-chan struct{})
	come  <-chan struct{} // nil: there are none
	least time.Duration   // between two looks that hints cause
	last  time.Time       // when the latest of them was
}

// watchHints begins to watch the lease. It waits for that, but not for a store that does not answer.
func watchHints(ctx context.Context, m lease.Manager, name string, least time.Duration) *hints {
	h := &hints{begun: make(chan (<-chan struct{}), 1), least: least}
	go func() {
		come, err := lease.Watch(ctx, m, name)
		if err != nil { // polling is all there is
			come = nil
		}
		h.begun <- come
	}()
	select {
	case h.come = <-h.begun:
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return h
}

// wait waits for d, or until a hint comes. It reports false when ctx has ended.
func (h *hints) wait(ctx context.Context, d time.Duration) bool {
	until := time.Now().Add(d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case h.come = <-h.begun:
		case _, ok := <-h.come:
			if !ok {
				h.come = nil // polling goes on
				continue
			}
			next := h.last.Add(h.least)
			h.last = time.Now()
			if next.After(until) {
				next = until
			}
			return patience.Wait(ctx, max(time.Until(next), 0))
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// changeOf returns what has happened between two looks; empty: nothing.
func changeOf(before *lease.Info, now lease.Info) string {
	switch {
	case before == nil:
		return "found"
	case before.Token > 0 && now.Token == 0 && now.State == lease.Free:
		return "gone"
	case before.ID != now.ID && now.State == lease.Held && now.Broken:
		return broken
	case before.ID != now.ID && now.State == lease.Held && before.State == lease.Free:
		return "taken"
	case before.ID != now.ID && now.State == lease.Held:
		return "taken over"
	case before.State == now.State && before.ID == now.ID:
		return changeWithin(*before, now)
	case now.State == lease.Free:
		return "released"
	case now.State == lease.Expired && now.MayRunOut():
		return string(lease.EndLeft)
	case now.State == lease.Expired:
		return expired
	}
	return "renewed" // one that had run out, and that nobody else had taken
}

// changeWithin returns what has happened within a term.
func changeWithin(before, now lease.Info) string {
	switch {
	case before.Version == now.Version:
		return ""
	case !maps.Equal(before.Attributes, now.Attributes):
		return "updated"
	case now.Wish.State == lease.WishAsked && !sameWish(before.Wish, now.Wish):
		return string(lease.WishAsked)
	case now.Wish.State == lease.WishWithdrawn && !sameWish(before.Wish, now.Wish):
		return string(lease.WishWithdrawn)
	}
	return "renewed"
}

// sameWish reports whether two looks have found the same wish, as far as it had come.
func sameWish(a, b lease.Wish) bool {
	return a.Kind == b.Kind && a.For == b.For && a.By == b.By && a.At.Equal(b.At) && a.State == b.State
}

func (w watcher) tell(change string, e entry) error {
	at := time.Now()
	if w.json {
		return show.JSON(w.out, struct {
			At     time.Time `json:"at"`
			Change string    `json:"change"`
			entry
		}{at, change, e})
	}
	paint := show.Good
	switch e.State {
	case broken, unreadable:
		paint = show.Bad
	case free, expired:
		paint = show.Doubt
	}
	if change == "renewed" {
		paint = show.Faint
	}
	_, err := fmt.Fprintf(w.out, "%s  %s  %s\n", at.Format("2006-01-02 15:04:05"), paint(fmt.Sprintf("%-10s", change)), e.line())
	return err
}

// line returns the most important facts in one line.
func (e entry) line() string {
	switch {
	case e.State == unreadable:
		return show.Printable(e.Error)
	case e.Token == 0 && e.State == held:
		return "by somebody else's program"
	case e.Token == 0:
		return "never taken"
	}
	text := fmt.Sprintf("%s  holder %s  token %d", e.State, show.Printable(e.Holder), e.Token)
	if e.holds() {
		text += "  " + e.upTo()
	}
	if len(e.Attributes) > 0 && e.holds() {
		text += "  " + e.attributes()
	}
	if e.Wish != nil && e.holds() {
		text += "  " + e.wish()
	}
	return text
}
