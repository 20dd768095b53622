package fleet

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Status describes a node of a fleet and what it is doing.
type Status struct {
	Fleet       string
	Node        string
	Store       string        // the lease manager's name for its store
	Length      time.Duration // of the seat's lease, and of the coordinator's
	Running     bool
	Draining    bool // it leaves, or an operator has drained it
	Coordinates bool
	Seat        int    // 0: none
	Token       uint64 // of the seat's lease
	Epoch       uint64 // of the latest plan that this node has read; 0: none
	// Heard is how long ago this node last read a plan that it understands, or had its own acknowledged; since Run began, if it never
	// did.
	Heard    time.Duration
	Parts    []PartStatus
	Unplaced []string // if this node coordinates: parts that fit nowhere
	Health   error    // why this node is unhealthy; nil if it is healthy
	Err      error    // why this node does not understand the plan, or cannot acknowledge it in its seat; nil if it does both
}

// A PartStatus describes a part that this node has.
type PartStatus struct {
	Part  string
	Token uint64 // of the part's term
	State PartState
	Since time.Duration // how long ago the state began
	Err   error         // with which the work returned last; nil if it has not returned, or without one
}

// Status returns what this node is doing. It may be called at any time. If Run does not run, only Fleet, Node, Store and Length are set.
func (f *Fleet) Status() Status {
	f.mu.Lock()
	n, over, s := f.node, f.over, f.status
	f.mu.Unlock()
	if n == nil {
		return s
	}
	asked := make(chan Status, 1)
	n.inbox.post(func() { asked <- n.status(s) })
	select {
	case s = <-asked:
	case <-over:
	}
	return s
}

func (n *node) status(s Status) Status {
	s.Running, s.Draining, s.Coordinates, s.Health, s.Err = true, n.draining || n.retired, n.office != nil, n.health, errors.Join(n.alien, n.older, n.unsaid)
	s.Heard = n.now() - n.heard
	if n.seat != nil {
		s.Seat, s.Token = n.seat.id.Seat, n.seat.id.Token
	}
	if n.plan != nil {
		s.Epoch = n.plan.Epoch
	}
	if n.office != nil {
		s.Unplaced = slices.Clone(n.office.unplaced)
	}
	for _, name := range slices.Sorted(maps.Keys(n.parts)) {
		p := n.parts[name]
		s.Parts = append(s.Parts, PartStatus{Part: name, Token: p.token, State: p.state, Since: n.now() - p.since, Err: p.err})
	}
	return s
}

// show lets the campaign for the office know what bars this node from it.
func (n *node) show() {
	n.fleet.mu.Lock()
	defer n.fleet.mu.Unlock()
	n.fleet.alien, n.fleet.health = n.alien, n.health
}
