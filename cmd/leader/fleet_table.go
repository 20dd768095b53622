package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
)

// mostParts is how many parts are shown, unless all are asked for.
const mostParts = 100

// details shows a fleet to people.
func (f fleetEntry) details(w io.Writer, all bool) {
	fmt.Fprintf(w, "%s  %s\n", show.Printable(f.Fleet), f.coordinated())
	if f.Epoch == 0 {
		fmt.Fprintln(w, "There is no plan yet.")
		return
	}
	fmt.Fprintf(w, "plan %d: %s, %s\n\n", f.Epoch, count(len(f.Parts), "part"), count(len(f.Nodes), "node"))
	f.nodeTable(w)
	f.partTable(w, all)
}

// coordinated says who coordinates.
func (f fleetEntry) coordinated() string {
	c := entry{Lease: f.Coordinator}
	switch {
	case c.State == held:
		return show.Good("coordinated by "+show.Printable(c.Holder)) + ", " + c.upTo()
	case c.Token == 0:
		return show.Doubt("never run")
	}
	return show.Bad("nobody coordinates") + ", " + show.Printable(c.Holder) + " did last"
}

func (f fleetEntry) nodeTable(w io.Writer) {
	if len(f.Nodes) == 0 {
		fmt.Fprintln(w, show.Bad("There are no nodes."))
		return
	}
	t := show.Table(w, "SEAT", "NODE", "STATE", "PARTS", "WEIGHT", "CAPACITY", "TIME LEFT", "")
	for _, n := range f.Nodes {
		weight, capacity := fmt.Sprint(n.Weight), "-"
		switch {
		case n.Epoch == 0:
			weight = "-" // it has not told yet
		case n.Weight == 0:
			weight = "spare"
		}
		if n.Capacity > 0 {
			capacity = fmt.Sprint(n.Capacity)
		}
		t.AppendRow([]any{n.Seat, show.Printable(cmp.Or(n.Node, "-")), n.coloured(), n.Parts, weight, capacity, n.upTo(), n.remark()})
	}
	t.Render()
}

func (n nodeEntry) coloured() string {
	if n.Draining && n.State == held {
		return show.Doubt("draining")
	}
	return coloured(n.State)
}

// remark returns what is special about a node.
func (n nodeEntry) remark() string {
	switch {
	case n.Error != "":
		return show.Printable(n.Error)
	case n.Stopping > 0:
		return "stops " + count(n.Stopping, "part")
	}
	return ""
}

// moves reports whether a part moves, or nobody works on it.
func (p partEntry) moves() bool { return p.From != "" || p.Why != "" }

func (f fleetEntry) partTable(w io.Writer, all bool) {
	var shown []partEntry
	pinned := false
	for _, p := range f.Parts {
		pinned = pinned || p.Pinned != ""
		if all || len(f.Parts) <= mostParts || p.moves() || p.Pinned != "" {
			shown = append(shown, p)
		}
	}
	if len(shown) > 0 {
		fmt.Fprintln(w)
		head := []any{"PART", "NODE", "TOKEN", "FROM", "WHY"}
		if pinned {
			head = append(head, "PINNED TO")
		}
		t := show.Table(w, head...)
		for _, p := range shown {
			node := show.Bad("nobody")
			if p.Node != "" {
				node = show.Printable(p.Node)
			}
			from := ""
			if p.From != "" {
				from = show.Printable(p.From)
			}
			row := []any{show.Printable(p.Part), node, p.Token, from, p.Why}
			if pinned {
				to := ""
				if p.Pinned != "" {
					to = show.Printable(p.Pinned)
				}
				row = append(row, to)
			}
			t.AppendRow(row)
		}
		t.Render()
	}
	if rest := len(f.Parts) - len(shown); rest > 0 {
		fmt.Fprintf(w, "\n%d more parts are worked on, and do not move: --all shows them.\n", rest)
	}
}
