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

// An entry is what is told of one lease.
type entry struct{ leaderhttp.Lease }

const (
	free       = "free"
	held       = "held"
	expired    = "expired"
	broken     = "broken"
	unreadable = "unreadable"
)

// fieldsHelp describes a leaderhttp.Lease to whoever writes a program.
const fieldsHelp = `  lease           its name
  state           free, held, expired, broken or unreadable
  holder, id      who holds it, and which acquisition of theirs it is; of a lease that is
                  not held: who did last (and so for the following five)
  token           the latest fencing token; absent if the lease was never taken
  length_seconds  how long it holds from each renewal
  renew_every_seconds
                  how often the holder says that it renews; absent if it does not say
  attributes      what the holder publishes with it, an object of strings
  acquired, renewed
                  by the holder's clock (RFC 3339); absent where the store does not tell
  age_seconds     at least this long ago it was written; absent if not known
  timed           true of a held or broken lease if the store itself tells how old the record is, or
                  ends the lease: who has just come knows as much as who has watched it; else absent
  left_seconds    of a held or broken lease: the most that can be left of it if it is not
                  renewed; absent if not known
  error           why it could not be read
Fields that do not apply are absent. Fields may be added; those there keep their meaning.`

// statesHelp says what the states mean.
const statesHelp = `States:
  held        somebody leads
  free        nobody does: it was given back, or never taken
  expired     its holder has left it behind, and anybody may take it
  broken      it was taken from its holder with "leader break"; nobody leads, and anybody
              may take it once it has run out
  unreadable  what is stored there is not a lease; it is left as it is

Time left: a lease that its holder does not renew is over some time after the last renewal. An
observer that has just come does not see when that was, unless the store tells how old the
record is (S3, Google Cloud Storage, DynamoDB at the cloud's own address, or with ?age=true: to
some seconds; a directory on Linux or macOS: exactly). So "up to 12s" is the most that
can be left, and the whole length where nothing better is known. Azure does not tell, but knows:
there, a lease is over when it says so.
Times of day are by the holder's clock, which may be wrong.`

func entryOf(i lease.Info) entry {
	e := entry{leaderhttp.NewLease(i)}
	if i.Err != nil {
		e.Error = words.OneLine(i.Err)
	}
	return e
}

func (e entry) coloured() string {
	switch e.State {
	case held:
		return show.Good(e.State)
	case broken, unreadable:
		return show.Bad(e.State)
	}
	return show.Doubt(e.State)
}

// upTo is the time left, for people.
func (e entry) upTo() string {
	switch {
	case e.LeftSeconds > 0:
		return "up to " + show.Ceil(show.Duration(e.LeftSeconds)).String()
	case e.State == held:
		return "not known"
	}
	return "-"
}

// holds tells whether holder and so on are of somebody who may lead now.
func (e entry) holds() bool { return e.State == held || e.State == broken }

func (e entry) attributes() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(e.Attributes)) {
		all = append(all, show.Printable(key)+"="+show.Printable(e.Attributes[key]))
	}
	return strings.Join(all, " ")
}

// ago is a time of day by somebody's clock, and how long ago that is by this one.
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
		t.AppendRow(table.Row{"  length", e.length()})
		if e.holds() {
			t.AppendRow(table.Row{"  time left", e.upTo() + ", unless it is renewed"})
		}
		if len(e.Attributes) > 0 {
			t.AppendRow(table.Row{"  attributes", e.attributes()})
		}
	}
	t.Render()
}

// length is how long the lease holds from each renewal, and how often that is if the holder says.
func (e entry) length() string {
	text := show.Duration(e.LengthSeconds).String()
	if e.RenewEverySeconds > 0 {
		text += fmt.Sprintf(", renewed every %v", show.Duration(e.RenewEverySeconds))
	}
	return text
}
