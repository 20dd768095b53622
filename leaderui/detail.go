package leaderui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// A detail shows everything about one lease.
type detail struct {
	Name, State, Says, Holder, ID, Error, Close string
	Token                                       uint64
	Length, RenewEvery, Knows, Skew             string
	Acquired, Renewed                           time.Time
	ValueBytes                                  string
	Attributes                                  [][2]string
	Terms                                       []Term // latest first
	Strip                                       strip
	Found, Held, CanBreak                       bool
	Wish, WishState, CanCancel                  string // what somebody asks of the holder; the node of a hand-over that can be taken back
	CanHandOver, CanDrain, CanResume            bool
	Nodes                                       []string // that have led before
}

// says explains a state to a person.
var says = map[string]string{
	"held":       "a node leads",
	"free":       "no node leads: the lease was released, or never taken",
	"expired":    "no node leads: the holder let the lease run out, and any node may take it",
	"left":       "no node leads: the lease is a job's, which has ended and left it to run out, or has crashed; any node may take it",
	"broken":     "no node leads: the lease was taken from its holder, and any node may take it once it has run out",
	"unreadable": "the record could not be read, and is left as it is: a node may lead",
}

// saysOfSeat does so for the seat of a fleet's node.
var saysOfSeat = map[string]string{
	"held":       "a node of the fleet has this seat",
	"free":       "no node has this seat: it was given back, or never taken",
	"expired":    "no node has this seat: its node let it run out, and the coordinator gives its parts to others",
	"broken":     "no node has this seat: it was taken from its node, and the coordinator gives its parts to others once it has run out",
	"unreadable": "the record could not be read, and is left as it is: a node may have this seat, and parts",
}

func explained(name, state string) string {
	if _, _, isSeat := fleet.SeatOf(name); isSeat {
		return saysOfSeat[state]
	}
	return says[state]
}

func (u *UI) detail(q query, s *state) []item {
	if q.Lease == "" || s.at.IsZero() {
		return nil
	}
	d := detail{Name: q.Lease, Close: q.link(func(q *query) { q.Lease = "" })}
	one := item{ID: "d-" + key(q.Lease), Kind: "detail"}
	l := find(s.sights, q.Lease)
	if l == nil {
		one.Data = d
		return []item{one}
	}
	d.Found, d.State, d.Holder, d.ID, d.Token = true, stateOf(l.Info), l.Holder, l.ID, l.Token
	d.Says, d.Acquired, d.Renewed = explained(q.Lease, d.State), l.Acquired.Round(0), l.Renewed.Round(0)
	d.Held = d.State == "held" || d.State == "broken"
	d.CanBreak = u.options.actions && d.State == "held" && l.Token > 0
	d.wishes(l.Info, u.options.actions)
	d.CanResume = d.CanDrain && s.drains(q.Lease)
	if l.Err != nil {
		d.Error = oneLine(l.Err)
	}
	if l.Length > 0 {
		d.Length = l.Length.String()
	}
	if l.RenewEvery > 0 {
		d.RenewEvery = l.RenewEvery.String()
	}
	if l.valueBytes > 0 {
		d.ValueBytes = count(l.valueBytes, "byte")
	}
	d.Knows = "as this page has seen the record, and an upper bound: a look may come just before a renewal"
	if l.Timed {
		d.Knows = "by the store, which tells how old the record is or ends the lease itself"
	}
	if l.skew != 0 {
		d.Skew = fmt.Sprintf("by a clock that is %s this machine's by %s or more", aheadOf(l.skew), duration(l.skew.Abs()))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
		d.Attributes = append(d.Attributes, [2]string{name, l.Attributes[name]})
	}
	for _, t := range slices.Backward(l.terms) {
		t.Begun, t.Ended = t.Begun.Round(0), t.Ended.Round(0)
		d.Terms = append(d.Terms, t)
	}
	d.Nodes = d.others()
	d.Strip = stripOf(l.terms, s.at)
	one.Data, one.Ends, one.Of = d, l.ends, l.Length
	return []item{one}
}

// wishes shows what is asked of the holder, and what may be.
func (d *detail) wishes(l lease.Info, acts bool) {
	if d.State != "held" {
		return
	}
	if l.Wish.Stands() {
		d.Wish, d.WishState = l.Wish.String(), string(l.Wish.State)
	}
	d.CanHandOver = acts && l.Wish.State == "" && slices.Contains(l.Heeds, lease.WishHandover)
	d.CanDrain = acts && l.Wish.State == "" && slices.Contains(l.Heeds, fleet.WishDrain)
	if acts && l.Wish.Kind == lease.WishHandover && l.Wish.State == lease.WishAsked {
		d.CanCancel = l.Wish.For
	}
}

// others returns the nodes that have led before, but for the holder: suggestions of who may lead next.
func (d *detail) others() (nodes []string) {
	for _, t := range d.Terms {
		if t.Holder != "" && t.Holder != d.Holder && t.Holder != "nobody" && !slices.Contains(nodes, t.Holder) {
			nodes = append(nodes, t.Holder)
		}
	}
	return nodes
}

// A strip shows terms on a line of time, so many parts long.
type strip struct {
	From  time.Time
	Spans []span
}

type span struct {
	X, Width, Title string
	Other           bool // every second one, so that neighbours differ
}

const stripParts = 1000

// stripOf shows the terms since the oldest that is known, for a day at most. Its end is in steps, so that it changes seldom.
func stripOf(terms []Term, now time.Time) strip {
	from := now.Round(0)
	for _, t := range terms {
		if !t.Begun.IsZero() && t.Begun.Before(from) {
			from = t.Begun.Round(0)
		}
	}
	if now.Sub(from) > 24*time.Hour {
		from = now.Round(0).Add(-24 * time.Hour).Truncate(time.Hour)
	}
	step := time.Second
	for step < now.Sub(from)/64 {
		step *= 2
	}
	whole := (now.Sub(from)/step + 1) * step
	if len(terms) < 2 {
		return strip{}
	}
	at := func(t time.Time) int { return int(stripParts * min(max(t.Sub(from), 0), whole) / whole) }
	var s strip
	s.From = from
	for i, t := range terms {
		end := t.Ended
		if end.IsZero() {
			end = from.Add(whole)
		}
		if t.Begun.IsZero() || t.How != "" && t.Ended.IsZero() || t.Holder == "" || end.Before(from) {
			continue
		}
		x := at(t.Begun)
		s.Spans = append(s.Spans, span{X: strconv.Itoa(x), Width: strconv.Itoa(max(at(end)-x, 2)), Other: i%2 == 1,
			Title: fmt.Sprintf("%s, token %d, from %s, %s", t.Holder, t.Token, clock(t.Begun), endText(t))})
	}
	return s
}

func endText(t Term) string {
	if t.Ended.IsZero() {
		return "goes on"
	}
	return fmt.Sprintf("%s at %s", t.How, clock(t.Ended))
}

// heldNow reports whether the acquisition that a person saw holds the lease still.
func heldNow(i lease.Info, id string) bool { return i.State == lease.Held && !i.Broken && i.ID == id }
