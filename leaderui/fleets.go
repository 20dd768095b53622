package leaderui

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// A fleetSight is a fleet as one look showed it.
type fleetSight struct {
	fleet.Overview
	err  error             // why the plan could not be read
	ends map[int]time.Time // by seat: when it has run out, if it is not renewed; that of the coordinator is at 0
}

// readFleets finds the fleets among all leases: they have seats. It composes each of the leases that were read, and reads a fleet again
// if the list left out values, or leases, which may be seats: then it calls alive after each.
func (g *glance) readFleets(ctx context.Context, m lease.Manager, read map[string]lease.Info, alive func()) {
	seats := map[string][]*sight{}
	for i := range g.sights {
		if of, _, isSeat := fleet.SeatOf(g.sights[i].Name); isSeat {
			seats[of] = append(seats[of], &g.sights[i])
		}
	}
	for name, of := range seats {
		f := fleetSight{ends: map[int]time.Time{}}
		office := find(g.sights, name)
		complete := !g.cut && office != nil && office.Err == nil && read[name].Value != ""
		if office != nil {
			f.ends[0] = office.ends
		}
		for _, s := range of {
			_, seat, _ := fleet.SeatOf(s.Name)
			f.ends[seat] = s.ends
			complete = complete && (s.State != lease.Held || s.Err != nil || read[s.Name].Value != "")
		}
		switch {
		case office == nil:
			f.Coordinator = lease.Info{Name: name} // somebody removed its record
		case office.Err != nil:
			f.Coordinator, f.err = office.Info, office.Err
		case complete:
			f.Overview, f.err = fleet.OverviewOf(read[name], func(seat string) lease.Info { return infoOf(seat, g.sights, read) })
		default:
			f.Overview, f.err = fleet.Inspect(ctx, m, name)
			g.requests += 1 + f.Width
			if ctx.Err() == nil {
				alive()
			}
			if f.Coordinator.Name == "" {
				f.Coordinator = office.Info
			}
		}
		f.Fleet, f.Coordinator.Value = name, ""
		slices.SortFunc(f.Parts, func(a, b fleet.PartInfo) int { return natural(a.Part, b.Part) })
		g.fleets = append(g.fleets, f)
	}
	slices.SortFunc(g.fleets, func(a, b fleetSight) int { return strings.Compare(a.Fleet, b.Fleet) })
}

// natural orders numbers by their size, before other names.
func natural(a, b string) int {
	x, notX := strconv.Atoi(a)
	y, notY := strconv.Atoi(b)
	switch {
	case notX == nil && notY == nil:
		return cmp.Compare(x, y)
	case notX == nil:
		return -1
	case notY == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// infoOf returns a lease as the list showed it; with its value, if that was kept.
func infoOf(name string, sights []sight, read map[string]lease.Info) lease.Info {
	if info, kept := read[name]; kept {
		return info
	}
	if s := find(sights, name); s != nil {
		return s.Info
	}
	return lease.Info{Name: name}
}

// moving returns the parts that change hands: their old node may still work on them, or their new one has not begun.
func (f fleetSight) moving() (parts []fleet.PartInfo) {
	acknowledged := map[int]uint64{} // by the seats that can be read
	for _, n := range f.Nodes {
		if n.Err == nil {
			acknowledged[n.Seat] = n.Epoch
		}
	}
	alive := f.alive()
	for _, p := range f.Parts {
		epoch, known := acknowledged[p.Seat]
		if p.From != "" && (alive[p.From] || alive[p.Node]) || p.Node != "" && p.Why == "" && known && epoch < p.Token {
			parts = append(parts, p)
		}
	}
	return parts
}

// orphans returns the parts on which nobody works, and that no node that is there is to get.
func (f fleetSight) orphans() (parts []fleet.PartInfo) {
	alive := f.alive()
	for _, p := range f.Parts {
		if p.Why != "" && !alive[p.Node] && !alive[p.From] {
			parts = append(parts, p)
		}
	}
	return parts
}

// alive has the nodes that hold a seat, as far as it can be read, by what names them in a part.
func (f fleetSight) alive() map[string]bool {
	names := map[string]bool{}
	for _, n := range f.Nodes {
		if n.State == lease.Held || n.Err != nil {
			names[n.String()] = true
		}
	}
	return names
}

// held returns how many nodes hold a seat.
func (f fleetSight) held() (nodes int) {
	for _, n := range f.Nodes {
		if n.State == lease.Held && n.Err == nil {
			nodes++
		}
	}
	return nodes
}

// drains reports whether the node in a seat gives its parts away.
func (s *state) drains(seatLease string) bool {
	of, seat, _ := fleet.SeatOf(seatLease)
	for _, f := range s.fleets {
		for _, n := range f.Nodes {
			if f.Fleet == of && n.Seat == seat && n.Draining {
				return true
			}
		}
	}
	return false
}
