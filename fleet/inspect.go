package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// An Overview is a fleet as one look at its plan and its seats showed it.
type Overview struct {
	Fleet       string
	Coordinator lease.Info // the coordinator's lease; its State says whether somebody coordinates
	Epoch       uint64     // of the plan; 0: there is none yet
	Version     uint64     // of the list of parts
	Width       int        // how many seats the coordinator looks at
	Nodes       []NodeInfo // by seat
	Parts       []PartInfo // by name
}

// A NodeInfo describes a seat that is held, or that parts wait for.
type NodeInfo struct {
	Seat     int
	Token    uint64 // of the seat's lease: a seat and a token make a session
	Node     string // its name; empty: not known
	State    lease.State
	Weight   int
	Capacity int
	Draining bool
	Epoch    uint64 // of the plan that it has acknowledged
	Stopping int    // parts whose works have not returned, though the plan has taken them
	Parts    int    // that the plan gives to it; if the seat could not be read, to whichever session was in it
	// Left is how soon its lease may be free if the node does not renew it; 0: not known.
	Left  time.Duration
	Attrs map[string]string // that it publishes
	Err   error             // why the seat, or its value, could not be read
}

// String returns what names the node in a PartInfo: its name, or "seat 3, which cannot be read", or "seat 3" if it has told no name.
func (n NodeInfo) String() string {
	switch {
	case n.Node != "":
		return n.Node
	case n.unread():
		return fmt.Sprintf("seat %d, which cannot be read", n.Seat)
	}
	return fmt.Sprintf("seat %d", n.Seat)
}

// unread reports whether nothing of the seat's lease could be read: whatever the plan gives to the seat may be worked on.
func (n NodeInfo) unread() bool { return n.Err != nil && n.Token == 0 }

// A PartInfo describes a part.
type PartInfo struct {
	Part  string
	Token uint64
	Node  string // the node that has it, as NodeInfo.String names it; empty: none
	Seat  int    // of that node; 0: none
	From  string // the node that may still work on it, and that Node waits for; empty: none
	Why   string // why nobody works on it now; empty: Node does, as far as the plan tells
	// Pinned is the node to which Move has pinned it; empty: it is not pinned.
	Pinned string
}

// Inspect looks at a fleet from outside: one read of the plan, and one of each seat of its width, 32 at a time. Without a plan, the
// Overview has the coordinator's lease alone. The error is an errors.ErrUnsupported if the manager cannot inspect, and a lease.ErrRecord
// if the plan cannot be read. A seat that cannot be read is a NodeInfo with Err.
func Inspect(ctx context.Context, m lease.Manager, name string) (Overview, error) {
	office, err := lease.Inspect(ctx, m, name)
	if err != nil {
		return Overview{}, err
	}
	return OverviewOf(office, func(seat string) lease.Info {
		info, err := lease.Inspect(ctx, m, seat)
		if err != nil {
			info.Err = err
		}
		return info
	})
}

// OverviewOf returns a fleet as leases show it: office is its coordinator's lease, and read returns the lease of a seat by its name, with
// Err if it could not be read; several goroutines call it at once. The error is a lease.ErrRecord if the plan cannot be read.
func OverviewOf(office lease.Info, read func(seat string) lease.Info) (Overview, error) {
	o := Overview{Fleet: office.Name, Coordinator: office}
	p, err := decodePlan(office.Value)
	if errors.Is(err, errNoPlan) {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("fleet %q: %w", office.Name, err)
	}
	o.Epoch, o.Version, o.Width = p.Epoch, p.Version, p.Width
	seats := readSeats(office.Name, p.Width, read)
	for _, e := range p.Parts {
		if n := seats.of(e.Owner); n != nil {
			n.Parts++
		}
	}
	for _, n := range seats {
		if n.Err != nil || n.State != lease.Free || n.Parts > 0 {
			o.Nodes = append(o.Nodes, n)
		}
	}
	for _, e := range p.Parts {
		part := seats.describe(e)
		part.Pinned = p.pinned(e.Part)
		o.Parts = append(o.Parts, part)
	}
	return o, nil
}

// seatRow has the seats of a plan's width: seat 1 is the first.
type seatRow []NodeInfo

// of returns the seat in which a session is the latest one; nil if there is no such seat. A seat that could not be read may have any session.
func (all seatRow) of(s session) *NodeInfo {
	if s.Seat < 1 || s.Seat > len(all) {
		return nil
	}
	if n := &all[s.Seat-1]; n.Token == s.Token || n.unread() {
		return n
	}
	return nil
}

func readSeats(fleet string, width int, read func(seat string) lease.Info) seatRow {
	seats := make(seatRow, width)
	manyAtOnce(width, func(i int) { seats[i] = describeSeat(i+1, read(SeatLease(fleet, i+1))) })
	return seats
}

// manyAtOnce does something n times, 32 at a time.
func manyAtOnce(n int, do func(i int)) {
	slots := make(chan struct{}, 32)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

func describeSeat(k int, info lease.Info) NodeInfo {
	seat := NodeInfo{Seat: k, Token: info.Token, Node: info.Holder, State: info.State, Left: info.RetryAfter, Attrs: info.Attributes, Err: info.Err}
	if info.Err != nil || info.State == lease.Free {
		return seat
	}
	v, err := decodeSeat(info.Value)
	switch {
	case errors.Is(err, errNoSeatValue):
	case err != nil:
		seat.Err = err
	case v.Token == info.Token:
		seat.Weight, seat.Capacity, seat.Draining, seat.Epoch, seat.Stopping = v.Weight, v.Capacity, v.Draining, v.Epoch, len(v.Stopping)
	}
	return seat
}

func (all seatRow) describe(e entry) PartInfo {
	p := PartInfo{Part: e.Part, Token: e.Token, Seat: e.Owner.Seat, Node: all.nameOf(e.Owner), From: all.nameOf(e.From)}
	owner := all.of(e.Owner)
	switch {
	case e.From != (session{}) && e.Owner == (session{}):
		p.Why = "the node that had it has not stopped its work, and then it is nobody's"
	case e.From != (session{}) && e.From != e.Owner:
		p.Why = "the node that had it has not stopped its work"
	case e.Owner == (session{}):
		p.Why = "it is nobody's: no node has room for it, or none has come yet"
	case owner == nil || owner.State != lease.Held && !owner.unread():
		p.Why = "its node is gone, and the coordinator has not given the part to another one"
	}
	return p
}

func (all seatRow) nameOf(s session) string {
	if s == (session{}) {
		return ""
	}
	if n := all.of(s); n != nil {
		return n.String()
	}
	return fmt.Sprintf("session %v, which is over", s)
}
