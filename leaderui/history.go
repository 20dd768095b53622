package leaderui

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// A Term is the time of one holder of a lease. Its fields keep their names; there may be more later.
type Term struct {
	Token  uint64 `json:"token"`
	Holder string `json:"holder,omitempty"`
	// Begun and Ended are by this machine's clock if Watched is true, as its looks showed them. Else they are as the record tells, by the
	// clocks of those who wrote it, and zero if it does not tell. Ended is zero while the term goes on.
	Begun   time.Time `json:"begun,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Watched bool      `json:"watched,omitempty"`
	// How the term ended: "released", "expired", "left" (it ran out, as its holder had said it may: a job that has ended, or crashed),
	// "broken", or "taken over" if no look has shown how.
	How string `json:"how,omitempty"`
}

// A Change is something that happened between two looks.
type Change struct {
	At    time.Time `json:"at"` // when a look showed it
	Lease string    `json:"lease"`
	What  string    `json:"what"` // as "leader watch" names it: taken, released, ...
	Text  string    `json:"text"`
	Grave bool      `json:"grave,omitempty"` // somebody has to know
}

const (
	mostTerms   = 16  // of a lease
	mostChanges = 300 // of the store
)

// A history remembers what the looks showed. It belongs to the reader's goroutine.
type history struct {
	sights  []sight // of the look before; nil: there was none
	cut     bool    // that look has not shown all leases
	fleets  map[string]uint64
	changes []Change // oldest first
}

// add compares a look with the one before, and gives each lease its terms.
func (h *history) add(g *glance, at time.Time) {
	first := h.sights == nil
	var changes []Change
	tell := func(name, what, text string) {
		changes = append(changes, Change{At: at, Lease: name, What: what, Text: text, Grave: grave[what]})
	}
	gone := func(name string) {
		if !g.cut { // else it may be among those that are not shown
			tell(name, "gone", "somebody has removed the record, which leader never does")
		}
	}
	old := h.sights
	for i := range g.sights {
		now := &g.sights[i]
		for len(old) > 0 && old[0].Name < now.Name {
			gone(old[0].Name)
			old = old[1:]
		}
		var before *sight
		if len(old) > 0 && old[0].Name == now.Name {
			before, old = &old[0], old[1:]
		}
		unknown := first || before == nil && h.cut
		now.follow(before, unknown)
		if what := changeOf(before, now); what != "" && !unknown {
			tell(now.Name, what, describeChange(what, before, now))
		}
	}
	for _, s := range old {
		gone(s.Name)
	}
	changes = append(changes, h.plans(g.fleets, at, first)...)
	h.cut = g.cut
	h.sights = append(make([]sight, 0, len(g.sights)+1), g.sights...)
	h.changes = append(slices.Clip(h.changes), changes...) // those that were handed out stay as they are
	h.changes = h.changes[max(0, len(h.changes)-mostChanges):]
}

// plans tells of parts that new plans give to others.
func (h *history) plans(fleets []fleetSight, at time.Time, first bool) (changes []Change) {
	epochs := map[string]uint64{}
	for _, f := range fleets {
		before, known := h.fleets[f.Fleet]
		if f.err != nil {
			epochs[f.Fleet] = before
			continue
		}
		epochs[f.Fleet] = f.Epoch
		moved := 0
		for _, p := range f.Parts {
			if p.Token > before {
				moved++
			}
		}
		if !first && known && moved > 0 {
			changes = append(changes, Change{At: at, Lease: f.Fleet, What: "moved", Text: fmt.Sprintf("plan %d gives %s to other nodes", f.Epoch, count(moved, "part"))})
		}
	}
	h.fleets = epochs
	return changes
}

// grave are the changes that somebody has to know of.
var grave = map[string]bool{"broken": true, "expired": true, "gone": true, "edited": true, "unreadable": true}

// changeOf names what has happened to a lease between two looks; empty: nothing, or a renewal.
func changeOf(before, now *sight) string {
	if before == nil {
		before = &sight{}
	}
	switch {
	case now.Err != nil:
		if before.Err == nil {
			return "unreadable"
		}
		return ""
	case before.Err != nil:
		return "readable"
	case now.Token < before.Token:
		return "edited"
	case now.ID != before.ID && now.State == lease.Held && now.Broken:
		return "broken"
	case now.ID != before.ID && now.State == lease.Held && before.State == lease.Held && !before.Broken:
		return "taken over"
	case now.ID != before.ID && now.State == lease.Held:
		return "taken"
	case now.ID == before.ID && now.State == before.State:
		return ""
	case now.State == lease.Free && now.Token > 0:
		return "released"
	case now.State == lease.Expired:
		return ranOutAs(now)
	case now.State == lease.Held:
		return "renewed late"
	}
	return ""
}

// ranOutAs says how the term of a lease that has run out ended.
func ranOutAs(s *sight) string {
	if s.MayRunOut() {
		return "left"
	}
	return "expired"
}

func describeChange(what string, before, now *sight) string {
	holder, last := cmp.Or(now.Holder, "somebody"), "somebody"
	if before != nil && before.Holder != "" {
		last = before.Holder
	}
	if of, seat, isSeat := fleet.SeatOf(now.Name); isSeat {
		switch what {
		case "taken", "taken over":
			return fmt.Sprintf("%s joins %s in seat %d", holder, of, seat)
		case "released":
			return fmt.Sprintf("%s leaves %s", holder, of)
		case "expired":
			return fmt.Sprintf("%s has not renewed its seat in %s", holder, of)
		}
	}
	switch what {
	case "taken":
		return fmt.Sprintf("%s leads, with token %d", holder, now.Token)
	case "taken over":
		return fmt.Sprintf("%s leads, with token %d, after %s", holder, now.Token, last)
	case "released":
		return holder + " gave it back"
	case "expired":
		return holder + " has not renewed it, and nobody leads"
	case "left":
		return holder + " has let it run out: it is a job that has ended, or crashed"
	case "renewed late":
		return holder + " has renewed it after it had run out"
	case "broken":
		return "it was taken from " + cmp.Or(now.Attributes["broken"], last)
	case "edited":
		return fmt.Sprintf("its token went from %d down to %d: somebody has edited or removed the record", before.Token, now.Token)
	case "unreadable":
		return now.Err.Error()
	}
	return "it can be read again"
}

// follow gives a lease what the look before has shown of it.
func (s *sight) follow(before *sight, first bool) {
	if before != nil {
		s.terms = before.terms
	}
	s.skew = s.skewAfter(before)
	if s.Err != nil || s.Token == 0 && len(s.terms) == 0 {
		return
	}
	s.terms = slices.Clone(s.terms)
	last := &Term{}
	if n := len(s.terms); n > 0 {
		last = &s.terms[n-1]
	}
	if last.Token != s.Token || before == nil || before.ID != s.ID && before.Err == nil {
		if last.Token != 0 && last.Ended.IsZero() {
			last.Ended, last.How = s.at, endOf(s)
		}
		s.inherit(last.Token)
		s.begin(first)
		last = &s.terms[len(s.terms)-1]
	}
	switch {
	case s.State == lease.Held:
		last.Ended, last.How = time.Time{}, ""
	case !last.Ended.IsZero():
	case s.State == lease.Expired:
		last.Ended, last.How = s.at, ranOutAs(s)
	default:
		last.Ended, last.How = s.at, "released"
		if first && !s.Renewed.IsZero() {
			last.Ended = s.Renewed
		}
	}
}

// inherit adds the terms after the last that is known, as the record tells of them: no look has shown them.
func (s *sight) inherit(known uint64) {
	for _, past := range slices.Backward(s.History.Terms()) {
		if past.Token > known && past.Token < s.Token {
			s.terms = append(s.terms, Term{Token: past.Token, Holder: past.Holder, Begun: past.Begun, Ended: past.Ended, How: string(past.How)})
		}
	}
}

// begin begins a term. Nobody leads in the time after a break.
func (s *sight) begin(first bool) {
	t := Term{Token: s.Token, Holder: s.Holder, Begun: s.at, Watched: !first}
	if first {
		t.Begun = s.Acquired
	}
	if s.Broken {
		t.Holder = ""
	}
	s.terms = append(s.terms, t)
	s.terms = s.terms[max(0, len(s.terms)-mostTerms):]
}

// endOf says how the term before this one ended, if no look showed its end.
func endOf(s *sight) string {
	if s.Broken {
		return "broken"
	}
	return "taken over"
}

// disagree is the difference of two clocks from which on it is shown: times of day that differ by less mislead nobody.
const disagree = time.Minute

// skewAfter returns by how much the holder's clock differs from this machine's at least. A record is not from the future; and one
// that has changed since the look before is not from before that look.
func (s *sight) skewAfter(before *sight) time.Duration {
	switch {
	case s.Err != nil || s.Renewed.IsZero() || s.State == lease.Free:
		return 0
	case s.Renewed.Sub(s.at) > disagree:
		return s.Renewed.Sub(s.at)
	case before == nil || before.Err != nil:
		return 0
	case before.Version != s.Version && before.at.Sub(s.Renewed) > disagree:
		return s.Renewed.Sub(before.at)
	case before.Version == s.Version:
		return before.skew
	}
	return 0
}
