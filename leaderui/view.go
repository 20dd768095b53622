package leaderui

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

const (
	pageSize    = 100 // leases
	mostFleets  = 10  // in full
	showChanges = 15
)

// A view is everything that changes in a page.
type view struct {
	query
	lists []list
	now   time.Time
	Forms bool // a person may be writing into one
}

// A pulse tells how the page knows what it shows.
type pulse struct {
	Place    string
	At       time.Time
	Every    string
	Requests string // that one look takes
	Rate     string
	Counts   []string
	Old      bool // the store does not answer
}

func (u *UI) view(q query) view {
	s, asking, _ := u.reader.latest()
	now := time.Now()
	v := view{query: q, now: now, Forms: u.options.actions && q.Lease != ""}
	down := storeTrouble(s, asking, now)
	shown := slices.DeleteFunc(slices.Clone(s.plain), func(l *sight) bool { return !q.matchesLease(l) })
	v.lists = append(v.lists,
		list{"pulse", []item{{ID: "pulse-1", Kind: "pulse", Data: pulse{
			Place: s.place, At: s.at.Round(0), Every: s.pause.Round(100 * time.Millisecond).String(), Requests: count(s.requests, "request"),
			Rate: strconv.FormatFloat(u.options.rate, 'f', -1, 64), Counts: s.counts, Old: down != nil,
		}}}},
		list{"troubles", u.troubles(q, s, down)},
		list{"detail", u.detail(q, s)},
		list{"fleets", fleetItems(q, s)})
	v.lists = append(v.lists, leaseLists(q, s, shown)...)
	v.lists = append(v.lists, list{"changes", changeItems(q, s)})
	return v
}

// ofFleet reports whether a lease is shown with its fleet: a seat, or the office of a coordinator.
func (s *state) ofFleet(name string) bool {
	return s.fleetNamed(ofOrItself(name)) != nil
}

func (s *state) fleetNamed(name string) *fleetSight {
	i, found := slices.BinarySearchFunc(s.fleets, name, func(f fleetSight, name string) int { return cmp.Compare(f.Fleet, name) })
	if !found {
		return nil
	}
	return &s.fleets[i]
}

// storeTrouble returns the trouble that the store makes; nil if it answers.
func storeTrouble(s *state, asking, now time.Time) *Trouble {
	const stale = "what is shown is as old as it says above; the leaders lead on until their leases have run out"
	switch {
	case s.err != nil:
		return &Trouble{Kind: "store", Grave: true, What: oneLine(s.err), Do: stale, Since: s.failing}
	case !asking.IsZero() && now.Sub(asking) >= slow:
		return &Trouble{Kind: "store", Grave: true, What: "the store does not answer", Do: stale, Since: asking}
	}
	return nil
}

func (u *UI) troubles(q query, s *state, down *Trouble) (items []item) {
	all := s.troubles
	if down != nil {
		all = append([]Trouble{*down}, all...)
	}
	for _, t := range all {
		t.Since = t.Since.Round(0)
		kind := t.Kind
		if t.Kind == "store" {
			kind += t.What
		}
		link := ""
		if t.Of != "" {
			link = q.To(t.Of)
		}
		items = append(items, item{ID: "t-" + key(kind+" "+t.Of+" "+strconv.Itoa(len(items))), Kind: "trouble", Data: struct {
			Trouble
			Link string
		}{t, link}})
	}
	if len(items) == 0 && !s.at.IsZero() {
		items = []item{{ID: "t-none", Kind: "calm", Data: s.calm}}
	}
	return items
}

// plainOf returns the leases that are shown in the table: those of no fleet.
func plainOf(s *state) (plain []*sight) {
	for i := range s.sights {
		if l := &s.sights[i]; !s.ofFleet(l.Name) {
			plain = append(plain, l)
		}
	}
	return plain
}

// countStates counts the leases of no fleet by their states.
func countStates(s *state) map[string]int {
	by := map[string]int{}
	for _, l := range s.plain {
		by[stateOf(l.Info)]++
	}
	return by
}

// countsOf tells of the counts.
func countsOf(s *state, by map[string]int) (counts []string) {
	counts = append(counts, count(len(s.plain), "lease"))
	for _, name := range []string{"held", "free", "left", "expired", "broken", "unreadable"} {
		if by[name] > 0 {
			counts = append(counts, number(by[name])+" "+name)
		}
	}
	if len(s.fleets) > 0 {
		counts = append(counts, count(len(s.fleets), "fleet"))
	}
	return counts
}

// calmOf says what it means that there is no trouble: the store does not show whether somebody should lead by a lease that is free.
func calmOf(by map[string]int) string {
	if by["free"]+by["left"] == 0 {
		return "None: nothing here needs anybody."
	}
	text := "None that the store shows."
	if n := by["free"]; n > 0 {
		text += " Nobody leads by " + count(n, "free lease") + "."
	}
	if n := by["left"]; n > 0 {
		text += " Jobs have left " + count(n, "lease") + " to run out: they have ended, or crashed."
	}
	return text
}

// A row shows one lease.
type row struct {
	Name, Link, State, Class, Holder, Token, Attributes string
	Since                                               time.Time
	Ahead                                               bool // Since is by a clock that is ahead of this machine's
	Open                                                bool
}

func leaseLists(q query, s *state, all []*sight) []list {
	if by := sorts[q.Sort]; by != nil {
		slices.SortStableFunc(all, by)
	}
	pages := max(1, (len(all)+pageSize-1)/pageSize)
	page := min(q.Page, pages)
	from, to := (page-1)*pageSize, min(page*pageSize, len(all))
	rows := list{ID: "leases"}
	for _, l := range all[from:to] {
		rows.Items = append(rows.Items, rowOf(q, l))
	}
	pager := struct {
		Text, Before, After string
		None                string
	}{Text: fmt.Sprintf("%s to %s of %s", number(from+1), number(to), number(len(all)))}
	if page > 1 {
		pager.Before = q.link(func(q *query) { q.Page = page - 1 })
	}
	if page < pages {
		pager.After = q.link(func(q *query) { q.Page = page + 1 })
	}
	switch {
	case len(all) > 0:
	case s.at.IsZero():
		pager.None = "The store has not answered yet."
	case q.Search != "":
		pager.None = "No lease matches the search."
	default:
		pager.None = "There are no leases."
		if len(s.fleets) > 0 {
			pager.None = "There are no leases but those of the fleets."
		}
	}
	return []list{rows, {"pager", []item{{ID: "pager-1", Kind: "pager", Data: pager}}}}
}

func rowOf(q query, l *sight) item {
	r := row{Name: l.Name, Link: q.To(l.Name), State: stateOf(l.Info), Open: l.Name == q.Lease}
	r.Class = r.State
	if l.Token > 0 {
		r.Token = strconv.FormatUint(l.Token, 10)
	}
	switch {
	case l.Err != nil:
		r.Attributes = oneLine(l.Err)
	case l.State == lease.Held && l.Token == 0:
		r.Holder = "somebody else's program"
	case l.State == lease.Held:
		r.Holder, r.Since, r.Attributes = l.Holder, l.Acquired.Round(0), attributesText(l.Attributes)
		r.Ahead = l.Acquired.Sub(l.at) > time.Second
	case l.Token > 0:
		r.Attributes = "last held by " + orSomebody(l.Holder)
	}
	if l.Broken && l.State == lease.Held {
		r.Holder, r.Attributes = "", "taken from "+orSomebody(l.Attributes["broken"])
	}
	return item{ID: "l-" + key(l.Name), Kind: "lease", Data: r, Ends: l.ends, Of: l.Length}
}

func changeItems(q query, s *state) (items []item) {
	for i := len(s.changes) - 1; i >= 0 && len(items) < showChanges; i-- {
		c := s.changes[i]
		if q.Lease != "" && c.Lease != q.Lease || !q.matches(c.Lease, c.Text, c.What) {
			continue
		}
		id := fmt.Sprint("c-", c.At.UnixMilli(), "-", key(c.Lease+c.What))
		c.At = c.At.Round(0)
		items = append(items, item{ID: id, Kind: "change", Data: struct {
			Change
			Link string
			Of   string // the fleet, if the lease is a seat
		}{c, q.To(c.Lease), ofOrItself(c.Lease)}})
	}
	if len(items) == 0 {
		items = []item{{ID: "c-none", Kind: "unchanged"}}
	}
	return items
}

func ofOrItself(name string) string {
	if of, _, isSeat := fleet.SeatOf(name); isSeat {
		return of
	}
	return name
}

// stateOf names a lease's state, as leaderhttp.Lease does, and one that a job may have left to run out.
func stateOf(i lease.Info) string {
	switch {
	case i.Err != nil:
		return "unreadable"
	case i.State == lease.Held && i.Broken:
		return "broken"
	case i.State == lease.Expired && i.MayRunOut():
		return "left"
	}
	return i.State.String()
}

// rank orders states by how much somebody has to know of them.
func rank(s *sight) int {
	return slices.Index([]string{"unreadable", "broken", "expired", "left", "free", "held"}, stateOf(s.Info))
}

// key returns a text that stands for a name in an ID.
func key(name string) string {
	h := fnv.New64a()
	h.Write([]byte(name))
	return strconv.FormatUint(h.Sum64(), 36)
}

// Lines shows a list in the page.
func (v view) Lines(id string) (template.HTML, error) {
	var b bytes.Buffer
	for _, l := range v.lists {
		if l.ID != id {
			continue
		}
		for _, i := range l.Items {
			if err := i.show(&b, v.now); err != nil {
				return "", err
			}
		}
	}
	return template.HTML(b.Bytes()), nil // templates made it
}

// Now is the moment of the page, in milliseconds.
func (v view) Now() int64 { return v.now.UnixMilli() }

// Title is for the browser's tab.
func (v view) Title() string {
	troubles := 0
	for _, l := range v.lists {
		for _, i := range l.Items {
			if i.Kind == "trouble" {
				troubles++
			}
		}
	}
	if troubles == 0 {
		return "leader"
	}
	return fmt.Sprintf("(%d) leader", troubles)
}

// A column of the table of leases.
type column struct{ Title, Link, Class, Sorted string }

// Columns are the columns, with links that sort by them.
func (v view) Columns() (columns []column) {
	for _, c := range [][2]string{{"Lease", ""}, {"State", "state"}, {"Holder", "holder"}, {"Token", "token"}, {"Since", "since"}, {"Time left", "left"}} {
		one := column{Title: c[0], Class: strings.ToLower(strings.Fields(c[0])[0]), Link: v.link(func(q *query) { q.Sort, q.Page = c[1], 1 })}
		if v.Sort == c[1] {
			one.Sorted = "ascending"
			if c[1] == "token" || c[1] == "since" {
				one.Sorted = "descending"
			}
		}
		columns = append(columns, one)
	}
	return columns
}
