package leaderui

import (
	"time"

	"github.com/cloudlease/leader/leaderhttp"
)

// State is the JSON that GET state answers. Its fields keep their names; there may be more later. A field without a value is left out.
// Durations are numbers of seconds. Times of looks are by this machine's clock.
type State struct {
	Store string `json:"store"`
	// Looked is when the latest look that succeeded had its answer; left out if none has.
	Looked time.Time `json:"looked,omitzero"`
	// EverySeconds is the pause after it, Requests how many requests it took at most, and RequestsPerSecond the bound on them.
	EverySeconds      float64 `json:"every_seconds"`
	Requests          int     `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	// Troubles has the things that a person has to know of, the grave ones first; Changes those that looks have shown, the oldest first.
	Troubles []Trouble `json:"troubles"`
	Changes  []Change  `json:"changes"`
	Fleets   []Fleet   `json:"fleets"`
	// Leases are all leases of the store, those of fleets included.
	Leases []Lease `json:"leases"`
}

// Lease is a lease with its terms, the oldest first.
type Lease struct {
	leaderhttp.Lease
	Terms []Term `json:"terms,omitempty"`
}

// Fleet is a fleet in a State. "leader fleet status --json" shows its nodes and parts.
type Fleet struct {
	Fleet       string `json:"fleet"`
	Coordinator string `json:"coordinator,omitempty"` // the node that coordinates; left out if none does
	Epoch       uint64 `json:"epoch,omitzero"`
	Nodes       int    `json:"nodes"`           // that hold a seat
	Parts       int    `json:"parts"`           // of the plan
	Moving      int    `json:"moving"`          // that change hands
	Nobodys     int    `json:"nobodys"`         // on which nobody works
	Error       string `json:"error,omitempty"` // why the plan cannot be read
}

func (s *state) public(asking time.Time, rate float64) State {
	p := State{
		Store: s.place, Looked: s.at.UTC(), EverySeconds: s.pause.Seconds(), Requests: s.requests, RequestsPerSecond: rate,
		Troubles: []Trouble{}, Changes: append([]Change{}, s.changes...), Fleets: []Fleet{}, Leases: []Lease{},
	}
	if down := storeTrouble(s, asking, time.Now()); down != nil {
		p.Troubles = append(p.Troubles, *down)
	}
	p.Troubles = append(p.Troubles, s.troubles...)
	for i := range s.fleets {
		f := &s.fleets[i]
		one := Fleet{Fleet: f.Fleet, Epoch: f.Epoch, Nodes: f.held(), Parts: len(f.Parts), Moving: len(f.moving()), Nobodys: len(f.orphans())}
		if stateOf(f.Coordinator) == "held" {
			one.Coordinator = f.Coordinator.Holder
		}
		if f.err != nil {
			one.Error = oneLine(f.err)
		}
		p.Fleets = append(p.Fleets, one)
	}
	for i := range s.sights {
		p.Leases = append(p.Leases, Lease{leaderhttp.NewLease(s.sights[i].Info), s.sights[i].terms})
	}
	return p
}
