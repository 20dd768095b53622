package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

// An entry shows one lease. It does not show the lease's value.
type entry struct {
	leaderhttp.Lease
	ValueBytes int `json:"value_bytes,omitzero"`

	left bool // it has run out, and is a job's that may let it
}

const (
	free       = "free"
	held       = "held"
	expired    = "expired"
	broken     = "broken"
	unreadable = "unreadable"
)

// fieldsHelp describes an entry to authors of programs.
const fieldsHelp = `  lease           the name of the lease
  state           free, held, expired, broken or unreadable
  holder, id      the holder, and the ID of its acquisition; the last holder if the lease is not held (likewise the
                  following six fields)
  token           the latest fencing token; absent if the lease was never taken
  length_seconds  how long the lease holds from each renewal
  renew_every_seconds
                  the renew interval that the holder states; absent if it states none
  hold_at_least_seconds
                  of a job that runs once: how long it keeps the lease at least, before it may let it run out
  attributes      an object of strings that the holder publishes
  acquired, renewed
                  by the holder's clock (RFC 3339); absent if the store does not tell
  age_seconds     a lower bound on the time since the record was written; absent if not known
  timed           true for a held or broken lease if the store tells how old the record is, or ends leases itself: a new
                  observer knows as much as one that has watched; otherwise absent
  left_seconds    for a held or broken lease: how long it lasts at most without a renewal; absent if not known
  next            of a free lease: the node to which others leave it at first; absent if its last holder named none
  history         the terms before, the latest first, as leader history --json prints them; absent if there are none
  wish            of a held lease: what somebody asks of its holder, an object: kind ("handover"), for (the node that is to lead next),
                  by, at, and state (asked, begun or withdrawn); absent if nobody asks anything
  error           why the lease could not be read
  value_bytes     how long the lease's value is, which leader value show prints; absent if there is none
Fields that do not apply are absent. There may be more fields later, and fields keep their meaning.`

// statesHelp describes the states.
const statesHelp = `States:
  held        a node leads
  free        no node leads: the lease was released, or never taken
  expired     the holder let the lease run out, and any node may take it. If the lease is that of a job which may leave it to run out
              (leader run --once --hold-at-least, or WithHoldAtLeast in a program), the job has ended, or crashed
  broken      "leader break" took the lease from its holder; no node leads, and any node may take the lease once it has run out
  unreadable  the record could not be read, for the given reason, and leader leaves it as it is; a node may lead

Time left: a lease without renewals is over a lease length after the last one. A new observer does not see when that was,
unless the store tells how old the record is: S3, Google Cloud Storage and DynamoDB at the cloud's own address, or with
?age=true, to some seconds; a directory on Linux or macOS exactly. So "up to 12s" is an upper bound, and the whole length if
nothing better is known. Azure does not tell, but ends the lease itself.
Times of day are by the holder's clock, which may be wrong.`

func entryOf(i lease.Info) entry {
	e := entry{leaderhttp.NewLease(i), len(i.Value), i.State == lease.Expired && i.MayRunOut()}
	if i.Err != nil {
		e.Error = words.OneLine(i.Err)
	}
	return e
}

func (e entry) coloured() string { return coloured(e.State) }

func coloured(state string) string {
	switch state {
	case held:
		return show.Good(state)
	case broken, unreadable:
		return show.Bad(state)
	}
	return show.Doubt(state)
}

// upTo returns the time left, for people.
func (e entry) upTo() string {
	switch {
	case e.LeftSeconds > 0:
		return "up to " + show.Ceil(show.Duration(e.LeftSeconds)).String()
	case e.State == held:
		return "not known"
	}
	return "-"
}

// holds reports whether the holder may lead now.
func (e entry) holds() bool { return e.State == held || e.State == broken }

// wish returns what somebody asks of the holder, and how far that has come.
func (e entry) wish() string {
	return show.Printable(lease.Wish{Kind: e.Wish.Kind, For: e.Wish.For, By: e.Wish.By}.String()) + ": " + e.Wish.State
}

func (e entry) attributes() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(e.Attributes)) {
		all = append(all, show.Printable(key)+"="+show.Printable(e.Attributes[key]))
	}
	return strings.Join(all, " ")
}

// ago returns a time of day by the holder's clock, and how long ago that is by this machine's.
func ago(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	past := time.Since(t)
	text := t.Local().Format("2006-01-02 15:04:05 MST")
	if past < -time.Second {
		return text + " (by a clock that is ahead of this machine's)"
	}
	return fmt.Sprintf("%s (%v ago)", text, max(past, 0).Truncate(time.Second))
}

// details shows one lease to people.
func (e entry) details(w io.Writer) {
	fmt.Fprintf(w, "%s  %s\n", show.Printable(e.Name), e.coloured())
	t := show.Table(w)
	switch {
	case e.State == unreadable:
		t.AppendRow(table.Row{"  error", show.Printable(e.Error)})
	case e.Token == 0 && e.State == held: // by another program than this library: its blob is leased
		t.AppendRow(table.Row{"  holder", "somebody else's program, which tells nothing"})
	case e.Token != 0:
		who, since := "  last holder", "  was taken"
		if e.holds() {
			who, since = "  holder", "  since"
		}
		t.AppendRow(table.Row{who, show.Printable(e.Holder)})
		t.AppendRow(table.Row{"  token", e.Token})
		t.AppendRow(table.Row{since, ago(e.Acquired)})
		if !e.Renewed.IsZero() {
			t.AppendRow(table.Row{"  last written", ago(e.Renewed)})
		}
		if e.Next != "" {
			t.AppendRow(table.Row{"  next", show.Printable(e.Next) + ", if it asks soon"})
		}
		t.AppendRow(table.Row{"  length", e.length()})
		if e.left {
			t.AppendRow(table.Row{"  a job", fmt.Sprintf("keeps it for %v at least, and then lets it run out: it has ended, or crashed", show.Duration(e.HoldAtLeastSeconds))})
		}
		if e.holds() {
			t.AppendRow(table.Row{"  time left", e.upTo() + ", unless it is renewed"})
		}
		if w := e.Wish; w != nil && w.State != string(lease.WishWithdrawn) {
			t.AppendRow(table.Row{"  wish", e.wish()})
		}
		if len(e.Attributes) > 0 {
			t.AppendRow(table.Row{"  attributes", e.attributes()})
		}
		if e.ValueBytes > 0 {
			t.AppendRow(table.Row{"  value", fmt.Sprintf("%d bytes, which leader value show prints", e.ValueBytes)})
		}
	}
	t.Render()
}

// length returns how long the lease holds from each renewal, and the renew interval if the holder states it.
func (e entry) length() string {
	text := show.Duration(e.LengthSeconds).String()
	if e.RenewEverySeconds > 0 {
		text += fmt.Sprintf(", renewed every %v", show.Duration(e.RenewEverySeconds))
	}
	return text
}
