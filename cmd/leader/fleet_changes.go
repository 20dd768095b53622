package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
)

// fleetChanges returns what has happened between two looks at a fleet, in the order in which it may have.
func fleetChanges(before *fleetEntry, now fleetEntry) (changes []fleetChange) {
	tell := func(c fleetChange) {
		c.Fleet, c.Epoch = now.Fleet, now.Epoch
		changes = append(changes, c)
	}
	if before == nil {
		tell(fleetChange{Change: "found", Coordinator: &now.Coordinator, Parts: now.Parts, text: now.summary()})
		readable := slices.DeleteFunc(slices.Clone(now.Nodes), func(n nodeEntry) bool { return n.State == unreadable })
		before = &fleetEntry{Coordinator: now.Coordinator, Nodes: readable, Epoch: now.Epoch, Parts: now.Parts}
		tellNobodys(nil, now.Parts, tell)
	}
	tellNodes(before.Nodes, now.Nodes, tell)
	if c := now.Coordinator; c.ID != before.Coordinator.ID || c.State != before.Coordinator.State {
		text := "nobody coordinates"
		if c.State == held {
			text = show.Printable(c.Holder) + " coordinates"
		}
		tell(fleetChange{Change: "coordinator", Coordinator: &c, text: text})
	}
	tellMoves(before.Parts, now, tell)
	tellNobodys(before.Parts, now.Parts, tell)
	return changes
}

// remember completes the seats that could not be read with what the look before has shown of them: one that holds a seat has not left it as long
// as nobody can tell.
func (f *fleetEntry) remember(before []nodeEntry) {
	for i, n := range f.Nodes {
		if n.State != unreadable || n.Token != 0 {
			continue
		}
		for _, old := range before {
			if old.Seat == n.Seat {
				f.Nodes[i].Token, f.Nodes[i].Node, f.Nodes[i].last = old.Token, old.Node, old.known()
			}
		}
	}
}

// known returns the state of a seat; of one that cannot be read, the state when it could.
func (n nodeEntry) known() string { return cmp.Or(n.last, n.State) }

// tellNodes tells of seats that were taken, and are held no more. A seat and its token make a session.
func tellNodes(before, now []nodeEntry, tell func(fleetChange)) {
	type session struct {
		seat  int
		token uint64
	}
	was, is := map[session]nodeEntry{}, map[session]nodeEntry{}
	for _, n := range before {
		was[session{n.Seat, n.Token}] = n
	}
	for _, n := range now {
		is[session{n.Seat, n.Token}] = n
		old := was[session{n.Seat, n.Token}]
		last := old.known()
		switch {
		case n.State == unreadable && old.State != unreadable:
			tell(fleetChange{Change: unreadable, Node: &n, text: fmt.Sprintf("seat %d: %s", n.Seat, show.Printable(n.Error))})
		case n.State == held && last != held:
			tell(fleetChange{Change: "joined", Node: &n, text: n.line()})
		case n.State == held && n.Draining && !old.Draining:
			tell(fleetChange{Change: "draining", Node: &n, text: n.line()})
		case n.State == expired && last == held:
			tell(fleetChange{Change: expired, Node: &n, text: n.line()})
		}
	}
	for _, old := range before {
		n := is[session{old.Seat, old.Token}]
		if old.known() == held && n.State != held && n.State != expired && n.State != unreadable {
			old.State, old.LeftSeconds, old.Error = free, 0, ""
			tell(fleetChange{Change: "left", Node: &old, text: old.line()})
		}
	}
}

// tellMoves tells of parts that a new plan gives to others.
func tellMoves(before []partEntry, now fleetEntry, tell func(fleetChange)) {
	was := map[string]partEntry{}
	for _, p := range before {
		was[p.Part] = p
	}
	moved := fleetChange{Change: "moved", was: map[string]string{}}
	for _, p := range now.Parts {
		if old := was[p.Part]; p.Node != "" && p.Token != old.Token {
			moved.Parts = append(moved.Parts, p)
			moved.was[p.Part] = old.Node
		}
	}
	if len(moved.Parts) > 0 {
		moved.text = fmt.Sprintf("%s by plan %d: %s", count(len(moved.Parts), "part"), now.Epoch, now.loads())
		tell(moved)
	}
}

// tellNobodys tells which parts have no node, if those are others than before.
func tellNobodys(before, now []partEntry, tell func(fleetChange)) {
	was, is := nobodys(before), nobodys(now)
	switch {
	case slices.EqualFunc(was, is, func(a, b partEntry) bool { return a.Part == b.Part }):
	case len(now) == 0: // a plan without parts, as fleet reset makes one: none has a node
	case len(is) == 0:
		tell(fleetChange{Change: "nobody's", text: "no part: each has a node again"})
	default:
		tell(fleetChange{Change: "nobody's", Parts: is, text: fmt.Sprintf("%s, such as %s: %s", count(len(is), "part"), show.Printable(is[0].Part), is[0].Why)})
	}
}

func nobodys(parts []partEntry) (found []partEntry) {
	for _, p := range parts {
		if p.Node == "" {
			found = append(found, p)
		}
	}
	return found
}

// summary returns the most important facts in one line.
func (f fleetEntry) summary() string {
	switch {
	case f.Coordinator.Token == 0:
		return "never run"
	case f.Coordinator.State != held:
		return "nobody coordinates; " + count(len(f.Parts), "part")
	}
	return fmt.Sprintf("%s coordinates; %s: %s", show.Printable(f.Coordinator.Holder), count(len(f.Parts), "part"), f.loads())
}

// loads returns how many parts each node has.
func (f fleetEntry) loads() string {
	var all []string
	for _, n := range f.Nodes {
		if n.State == held {
			all = append(all, fmt.Sprintf("%s %d", orSeat(n), n.Parts))
		}
	}
	return strings.Join(all, ", ")
}

func (n nodeEntry) line() string { return fmt.Sprintf("%s  seat %d", orSeat(n), n.Seat) }

// orSeat returns a node's name, or its seat if that has not told the name.
func orSeat(n nodeEntry) string {
	if n.Node == "" {
		return fmt.Sprintf("seat %d", n.Seat)
	}
	return show.Printable(n.Node)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
