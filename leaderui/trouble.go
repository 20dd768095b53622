package leaderui

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// A Trouble is something that a person has to know of, or to do something about. Its fields keep their names; there may be more later.
type Trouble struct {
	// Of is the lease or the fleet; empty: the store.
	Of string `json:"of,omitempty"`
	// Kind is "store", "unreadable", "expired", "broken", "late", "clock", "edited", "gone", "coordinator", "plan", "seat" or "nobody".
	Kind string `json:"kind"`
	// Grave is false if nothing fails because of it.
	Grave bool `json:"grave,omitempty"`
	// What says what is wrong, and Do what to do about it.
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
	// Since is when it began, by this machine's clock; left out if that is not known.
	Since time.Time `json:"since,omitzero"`
}

// mostTroubles is how many troubles of a kind are listed one by one. One line counts the rest.
const mostTroubles = 20

// lateAfter is how many renewals a holder misses before that is trouble. One is missed when a store is slow for a moment.
const lateAfter = 2

// rememberFor is how long a record that somebody has edited or removed is trouble: nothing in the store shows it any more.
const rememberFor = time.Hour

// troublesOf returns what is wrong with the leases and the fleets: the grave ones first.
func troublesOf(g *glance, changes []Change, now time.Time) (all []Trouble) {
	add := func(t Trouble) { all = append(all, t) }
	for i := range g.fleets {
		g.fleets[i].troubles(add)
	}
	for i := range g.sights {
		g.sights[i].troubles(add)
	}
	for _, c := range changes {
		if (c.What == "edited" || c.What == "gone") && now.Sub(c.At) < rememberFor {
			add(Trouble{Of: c.Lease, Kind: c.What, Grave: true, What: c.Text, Since: c.At,
				Do: "find out who did: tokens that begin again let a stale leader write"})
		}
	}
	if g.cut {
		add(Trouble{Kind: "store", What: fmt.Sprintf("there are more than %d leases, and the rest is not shown", mostLeases)})
	}
	return fewer(all)
}

// fewer keeps the first of each kind, and counts the rest.
func fewer(all []Trouble) (kept []Trouble) {
	seen, grave := map[string]int{}, map[string]bool{}
	var minor []Trouble
	for _, t := range all {
		seen[t.Kind]++
		grave[t.Kind] = grave[t.Kind] || t.Grave
		switch {
		case seen[t.Kind] > mostTroubles:
		case t.Grave:
			kept = append(kept, t)
		default:
			minor = append(minor, t)
		}
	}
	for _, kind := range strings.Fields("store coordinator plan nobody unreadable expired broken late edited gone seat clock") {
		if rest := seen[kind] - mostTroubles; rest > 0 {
			kept = append(kept, Trouble{Kind: kind, Grave: grave[kind], What: fmt.Sprintf("%s more like the %s of this kind: the list shows them", count(rest, "lease"), count(mostTroubles, "first"))})
		}
	}
	return append(kept, minor...)
}

// troubles of a lease. A seat's are those of its node.
func (s *sight) troubles(add func(Trouble)) {
	of, seat, isSeat := fleet.SeatOf(s.Name)
	switch {
	case isSeat:
		s.troublesOfSeat(of, seat, add)
	case s.Err != nil:
		add(Trouble{Of: s.Name, Kind: "unreadable", Grave: true, What: oneLine(s.Err), Do: toRead(s.Err, repairRecord)})
	case s.MayRunOut(): // nothing shows whether it is a job that has ended, as it should, or one that has crashed
	case s.State == lease.Expired:
		add(Trouble{Of: s.Name, Kind: "expired", Grave: true, What: fmt.Sprintf("nobody leads: %s let the lease run out, and no other node has taken it", orSomebody(s.Holder)), Since: s.ended(),
			Do: "do standbys run, and are they healthy? Look at their logs and /healthz"})
	case s.State == lease.Held && s.Broken:
		add(Trouble{Of: s.Name, Kind: "broken", Grave: true, What: fmt.Sprintf("nobody leads: the lease was taken from %s", orSomebody(s.Attributes["broken"])), Since: s.Acquired,
			Do: "it is free once it has run out, and then any node may take it"})
	case s.late():
		add(Trouble{Of: s.Name, Kind: "late", Grave: true, What: fmt.Sprintf("%s has not renewed in time, which is every %v", orSomebody(s.Holder), s.RenewEvery),
			Since: s.renewed(), Do: "if it does not renew, a standby leads once the lease has run out"})
	}
	if s.skew != 0 {
		add(Trouble{Of: s.Name, Kind: "clock", What: fmt.Sprintf("the clock of %s is %s this machine's by %s or more", orSomebody(s.Holder), aheadOf(s.skew), duration(s.skew.Abs())),
			Do: "its times of day mislead, and nothing else does: set the clock that is wrong"})
	}
}

// troublesOfSeat are minor: the coordinator does what there is to do. The fleet tells of a seat that cannot be read, and of parts that are
// nobody's.
func (s *sight) troublesOfSeat(of string, seat int, add func(Trouble)) {
	switch {
	case s.Err != nil:
	case s.State == lease.Expired:
		add(Trouble{Of: of, Kind: "seat", What: fmt.Sprintf("%s, in seat %d, has not renewed it: it has crashed or is cut off", s.Holder, seat), Since: s.ended(),
			Do: "the coordinator gives its parts to others by itself"})
	case s.State == lease.Held && s.Broken:
		add(Trouble{Of: of, Kind: "seat", What: fmt.Sprintf("seat %d was taken from %s", seat, orSomebody(s.Attributes["broken"])), Since: s.Acquired,
			Do: "the coordinator gives its parts to others once the seat has run out"})
	case s.late():
		add(Trouble{Of: of, Kind: "seat", What: fmt.Sprintf("%s, in seat %d, has not renewed it in time, which is every %v", s.Holder, seat, s.RenewEvery), Since: s.renewed(),
			Do: "if it does not renew it, the coordinator gives its parts to others once the seat has run out"})
	}
}

// late reports whether the holder has missed renewals.
func (s *sight) late() bool {
	return s.State == lease.Held && s.RenewEvery > 0 && s.Age > lateAfter*s.RenewEvery+s.RenewEvery/2
}

// renewed returns when the lease was renewed, by this machine's clock.
func (s *sight) renewed() time.Time { return s.at.Add(-s.Age).Round(time.Second) }

const repairRecord = "nobody can lead with it until the record is repaired or removed by hand, while no node runs"

// toRead says what to do about something that could not be read; damaged is the advice if somebody has damaged it. After an error of the
// store nothing is known of it, and to remove a leader's record would let two nodes lead.
func toRead(err error, damaged string) string {
	switch {
	case errors.Is(err, lease.ErrNewer):
		return "update this program: a newer one wrote it, and a node may lead with it"
	case errors.Is(err, lease.ErrRecord):
		return damaged
	}
	return "the error says why; nothing is known of it, and a node may lead with it"
}

// ended returns when the latest term ended, if it has.
func (s *sight) ended() time.Time {
	if n := len(s.terms); n > 0 {
		return s.terms[n-1].Ended
	}
	return time.Time{}
}

func (f *fleetSight) troubles(add func(Trouble)) {
	c := f.Coordinator
	switch {
	case f.err != nil:
		damaged := "no part moves until the plan can be read: leader fleet reset makes a new plan once all nodes have stopped"
		if c.Err != nil {
			damaged = repairRecord
		}
		add(Trouble{Of: f.Fleet, Kind: "plan", Grave: true, What: oneLine(f.err), Do: toRead(f.err, damaged)})
		return
	case f.Epoch > 0 && (c.State != lease.Held || c.Broken):
		add(Trouble{Of: f.Fleet, Kind: "coordinator", Grave: f.held() > 0, What: "nobody coordinates: no part moves, and nodes that come get nothing", Do: "any node of the fleet can: do they run, and can they write to the store?"})
	}
	for _, n := range f.Nodes {
		if n.Err != nil {
			add(Trouble{Of: f.Fleet, Kind: "seat", Grave: true, What: fmt.Sprintf("seat %d: %s", n.Seat, oneLine(n.Err)),
				Do: toRead(n.Err, "its node keeps its parts until the record is repaired by hand")})
		}
	}
	if parts := f.orphans(); len(parts) > 0 {
		add(Trouble{Of: f.Fleet, Kind: "nobody", Grave: true, What: fmt.Sprintf("nobody works on %s, such as %s: %s", count(len(parts), "part"), parts[0].Part, parts[0].Why), Do: "start nodes, or raise their capacity"})
	}
}

func orSomebody(holder string) string {
	if holder == "" {
		return "somebody"
	}
	return holder
}

func aheadOf(skew time.Duration) string {
	if skew > 0 {
		return "ahead of"
	}
	return "behind"
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
