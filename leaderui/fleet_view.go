package leaderui

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// dense is how many parts a fleet has before they are shown without their names.
const dense = 160

const (
	mostMoves = 25 // lines about parts that move, or that are nobody's
	mostNamed = 20 // parts in one of them
)

func fleetItems(q query, s *state) (items []item) {
	rest := 0
	for i := range s.fleets {
		f := &s.fleets[i]
		switch {
		case q.Lease != f.Fleet && !q.matchesFleet(f):
		case len(items) == mostFleets && q.Lease != f.Fleet:
			rest++
		default:
			items = append(items, f.item(q))
		}
	}
	if rest > 0 {
		items = append(items, item{ID: "f-more", Kind: "morefleets", Data: count(rest, "more fleet")})
	}
	return items
}

// A fleetHead is the first line of a fleet.
type fleetHead struct {
	Name, Link, Coordinator, State, Problem string
	Since                                   time.Time
	Epoch                                   uint64
	Nodes, Parts, Moving, Orphans           int
	Dense                                   bool
}

func (f *fleetSight) item(q query) item {
	id := "f-" + key(f.Fleet)
	c := f.Coordinator
	moving, orphans := f.moving(), f.orphans()
	head := fleetHead{
		Name: f.Fleet, Link: q.To(f.Fleet), Coordinator: c.Holder, State: stateOf(c), Since: c.Acquired.Round(0), Epoch: f.Epoch,
		Nodes: f.held(), Parts: len(f.Parts), Moving: len(moving), Orphans: len(orphans),
	}
	if f.err != nil {
		head.Problem = "its plan cannot be read"
	}
	moves := moveItems(id, orphans, moving)
	return item{ID: id, Kind: "fleet", Data: struct {
		Name        string
		Dense, Calm bool
	}{f.Fleet, len(f.Parts) > dense, len(moves) == 0}, Lists: []list{
		{id + "-head", []item{{ID: id + "-line", Kind: "fleethead", Data: head, Ends: f.ends[0], Of: c.Length}}},
		{id + "-nodes", f.nodes(q, id)},
		{id + "-moves", moves},
	}}
}

// A nodeRow shows a node, and its parts as a row of the grid.
type nodeRow struct {
	Seat, Parts                              int
	Node, State, Class, Weight, Remark, Link string
	Cells                                    []cell
}

// A cell is a part in the row of a node that has it, that gets it or that has to stop it.
type cell struct{ Part, Class, Title string }

func (f *fleetSight) nodes(q query, id string) (items []item) {
	cells := f.cells()
	for _, n := range f.Nodes {
		r := nodeRow{Seat: n.Seat, Node: n.String(), State: n.State.String(), Parts: n.Parts, Cells: cells[n.Seat]}
		r.Weight = strconv.Itoa(n.Weight)
		switch {
		case n.Epoch == 0:
			r.Weight = "" // it has not told yet
		case n.Weight == 0:
			r.Weight = "spare"
		case n.Capacity > 0:
			r.Weight = fmt.Sprintf("%d, at most %s", n.Weight, count(n.Capacity, "part"))
		}
		switch {
		case n.Err != nil:
			r.State, r.Remark = "unreadable", oneLine(n.Err)
		case n.Draining && n.State == lease.Held:
			r.State, r.Remark = "draining", "it leaves"
		}
		if n.Stopping > 0 {
			r.Remark = "it has to stop " + count(n.Stopping, "part")
		}
		r.Link = q.To(fleet.SeatLease(f.Fleet, n.Seat))
		items = append(items, item{ID: fmt.Sprint(id, "-n", n.Seat), Kind: "node", Data: r, Ends: f.ends[n.Seat], Of: f.Coordinator.Length})
	}
	if nobodys := cells[0]; len(nobodys) > 0 {
		items = append(items, item{ID: id + "-n0", Kind: "node", Data: nodeRow{Node: "nobody", State: "nobody", Parts: len(nobodys), Cells: nobodys}})
	}
	return items
}

// cells returns the cells of each row, by seat; those of seat 0 are nobody's.
func (f *fleetSight) cells() map[int][]cell {
	rows := map[int][]cell{}
	moving, orphan := named(f.moving()), named(f.orphans())
	seats := map[string]int{}
	for _, n := range f.Nodes {
		seats[n.String()] = n.Seat
	}
	for _, p := range f.Parts {
		c := cell{Part: p.Part, Title: fmt.Sprintf("%s, token %d", p.Part, p.Token)}
		switch {
		case orphan[p.Part]:
			c.Class, c.Title = "orphan", c.Title+": "+p.Why
		case moving[p.Part]:
			c.Class, c.Title = "comes", c.Title+": "+stepOf(p)
		}
		if p.Pinned != "" {
			c.Class, c.Title = strings.TrimSpace(c.Class+" pinned"), c.Title+", pinned to "+p.Pinned
		}
		rows[p.Seat] = append(rows[p.Seat], c)
		if seat := seats[p.From]; seat != 0 && seat != p.Seat && moving[p.Part] {
			rows[seat] = append(rows[seat], cell{p.Part, "goes", p.Part + ": this node has to stop its work first"})
		}
	}
	return rows
}

func named(parts []fleet.PartInfo) map[string]bool {
	names := map[string]bool{}
	for _, p := range parts {
		names[p.Part] = true
	}
	return names
}

// stepOf says in which step a part's move is.
func stepOf(p fleet.PartInfo) string {
	switch {
	case p.From == "":
		return "step 2 of 2: its new node is told to begin"
	case p.Node == "":
		return "step 1 of 2: its old node stops its work, and then it is nobody's"
	}
	return "step 1 of 2: its old node stops its work"
}

// A move shows the parts that are in the same step from one node to another, or that are nobody's for the same reason.
type move struct {
	Parts, From, To, Step string
	Count                 string
	Orphan                bool
}

func moveItems(id string, orphans, moving []fleet.PartInfo) (items []item) {
	parts := map[move][]string{}
	var order []move
	add := func(m move, part string) {
		if parts[m] == nil {
			order = append(order, m)
		}
		parts[m] = append(parts[m], part)
	}
	for _, p := range orphans {
		add(move{To: "nobody", Step: p.Why, Orphan: true}, p.Part)
	}
	for _, p := range moving {
		add(move{From: p.From, To: cmp.Or(p.Node, "nobody"), Step: stepOf(p)}, p.Part)
	}
	for i, m := range order {
		if i == mostMoves {
			return append(items, item{ID: id + "-more", Kind: "moremoves", Data: count(len(order)-i, "more move")})
		}
		of := parts[m]
		m.Parts, m.Count = strings.Join(of[:min(len(of), mostNamed)], ", "), count(len(of), "part")
		if len(of) > mostNamed {
			m.Parts += ", ..."
		}
		items = append(items, item{ID: id + "-m-" + key(fmt.Sprint(m.From, " ", m.To, " ", m.Step)), Kind: "move", Data: m})
	}
	return items
}
