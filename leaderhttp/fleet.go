package leaderhttp

import (
	"fmt"
	"net/http"
	"time"

	"github.com/cloudlease/leader/fleet"
)

// FleetHandler returns a handler that shows what a node of a fleet is doing, as the package comment describes. It may be used before
// Run, while Run runs and after. Its only state are the requests that wait at /watch. Under a path prefix, wrap it in http.StripPrefix.
// With a nil Fleet, it answers 503 to everything.
func FleetHandler(f *fleet.Fleet) http.Handler { return &fleetHandler{fleet: f} }

type fleetHandler struct {
	fleet    *fleet.Fleet
	watchers watchers
}

func (h *fleetHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hint := func() answer { return h.hint(r.Context(), r.URL.Query()) }
	if h.fleet == nil || !serveWatch(w, r, h.watch, hint) {
		serve(w, r, "healthz", h.answer)
	}
}

func (h *fleetHandler) answer(path string) answer {
	if h.fleet == nil {
		return line(http.StatusServiceUnavailable, "there is no Fleet: leaderhttp.FleetHandler was given nil")
	}
	s := h.fleet.Status()
	switch path {
	case "healthz":
		if why := unhealthyFleet(s); why != "" {
			return check(false, why)
		}
		return check(true, fmt.Sprintf("healthy: %s, with %d parts", fleetState(s), len(s.Parts)))
	case "status":
		return inJSON(newFleetStatus(s))
	case "watch":
		return line(http.StatusOK, "watch: GET waits here, and POST tells")
	}
	return line(http.StatusNotFound, "not found: try healthz, status or watch")
}

// FleetStatus is the JSON that GET /status of FleetHandler answers. Its fields keep their names; there may be more later. A field
// without a value is left out. Durations are numbers of seconds, to the millisecond.
type FleetStatus struct {
	// Fleet and Node name the fleet and this node; Store is the lease manager's own name, left out if it has none.
	Fleet string `json:"fleet"`
	Node  string `json:"node"`
	Store string `json:"store,omitempty"`
	// LengthSeconds is how long this node's seat holds from each renewal.
	LengthSeconds float64 `json:"length_seconds,omitzero"`
	// State is "idle" while Run does not run, "draining" while this node leaves or an operator has drained it, "joining" while it has no
	// seat, and else "seated".
	State string `json:"state"`
	// Coordinates is whether this node is the coordinator.
	Coordinates bool `json:"coordinates,omitzero"`
	// Seat and Token are this node's seat and the fencing token of its lease.
	Seat  int    `json:"seat,omitzero"`
	Token uint64 `json:"token,omitzero"`
	// Epoch is the number of the latest plan that this node has read, and HeardAgeSeconds the time since it read one that it
	// understands, or since Run began.
	Epoch           uint64  `json:"epoch,omitzero"`
	HeardAgeSeconds float64 `json:"heard_age_seconds,omitzero"`
	// Parts has the parts that this node has, in the order of their names.
	Parts []FleetPart `json:"parts"`
	// Unplaced has the parts that fit nowhere, if this node coordinates.
	Unplaced []string `json:"unplaced,omitempty"`
	// Unhealthy is the reason why GET /healthz answers 503; left out while it answers 200.
	Unhealthy string `json:"unhealthy,omitempty"`
	// Health is the error of the node's own health check (fleet.WithHealth) that keeps it from having parts; left out if none does.
	Health string `json:"health,omitempty"`
	// Error says why this node does not understand the plan, or cannot acknowledge it in its seat; left out if it does both.
	Error string `json:"error,omitempty"`
}

// FleetPart is a part in a FleetStatus.
type FleetPart struct {
	// Part is its name, and Token the fencing token of its term.
	Part  string `json:"part"`
	Token uint64 `json:"token"`
	// State is "working", "stopping", "failed" or "done", and AgeSeconds how long ago that began.
	State      string  `json:"state"`
	AgeSeconds float64 `json:"age_seconds"`
	// Error is the error that the work has returned last; left out if it has not.
	Error string `json:"error,omitempty"`
}

func newFleetStatus(s fleet.Status) FleetStatus {
	status := FleetStatus{
		Fleet: s.Fleet, Node: s.Node, Store: s.Store, LengthSeconds: seconds(s.Length), State: fleetState(s), Coordinates: s.Coordinates,
		Seat: s.Seat, Token: s.Token, Epoch: s.Epoch, HeardAgeSeconds: seconds(s.Heard), Parts: []FleetPart{}, Unplaced: s.Unplaced,
		Unhealthy: unhealthyFleet(s), Health: textOf(s.Health), Error: textOf(s.Err),
	}
	for _, p := range s.Parts {
		status.Parts = append(status.Parts, FleetPart{Part: p.Part, Token: p.Token, State: p.State.String(), AgeSeconds: seconds(p.Since), Error: textOf(p.Err)})
	}
	return status
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func fleetState(s fleet.Status) string {
	switch {
	case !s.Running:
		return "idle"
	case s.Draining:
		return "draining"
	case s.Token == 0:
		return "joining"
	}
	return "seated"
}

// unhealthyFleet says why a node is not healthy; empty: it is. A node without parts is as healthy as one with many: how many it has
// is the fleet's decision.
func unhealthyFleet(s fleet.Status) string {
	switch {
	case !s.Running:
		return "idle: Run is not running"
	case s.Health != nil:
		return s.Health.Error()
	case s.Err != nil:
		return fmt.Sprintf("this node does not understand the fleet's plan, or cannot acknowledge it: %v", s.Err)
	case s.Heard > s.Length:
		return fmt.Sprintf("this node has read no plan for %v: the lease store does not answer", s.Heard.Round(time.Millisecond))
	}
	return ""
}
