// Package fleets measures a fleet: its requests, on the wire, and in virtual time how long it takes to its balance, and how long parts
// are nobody's.
package fleets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
	"github.com/cloudlease/leader/fleet"
)

// The fleet whose requests are counted: with the default lease, as on the page.
const (
	nodes  = 20
	parts  = 1000
	length = fleet.DefaultLeaseLength
)

// Options say how much to measure.
type Options struct {
	Services []string      // none: all that have requests
	Window   time.Duration // how long requests are counted; 0: 2 minutes
	Times    int           // how often things are measured in virtual time; 0: 100
	Root     string        // of the repository, whose tests measure in virtual time
	Log      func(format string, args ...any)
}

// Result is all that was measured.
type Result struct {
	Wires   []Wire   `json:"wires"`
	Figures []Figure `json:"figures"`
	Missing []string `json:"missing,omitempty"` // services that are not on this machine
}

// A Wire has the requests that the fleet sent to one service while nothing changed.
type Wire struct {
	Name      string         `json:"name"` // of the peer
	Service   string         `json:"service"`
	Window    float64        `json:"window"` // seconds
	Writes    int            `json:"writes"` // in the window
	Reads     int            `json:"reads"`
	Others    int            `json:"others"`
	Names     map[string]int `json:"names"`      // by the service's name for the request
	Width     int            `json:"width"`      // of the plan
	PlanBytes int            `json:"plan_bytes"` // of the text that is the lease's value
}

// Measure counts on all services at the same time, and then measures in virtual time, which no other load disturbs.
func Measure(ctx context.Context, o Options) (Result, error) {
	if o.Window <= 0 {
		o.Window = 2 * time.Minute
	}
	if o.Times <= 0 {
		o.Times = 100
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	peers := slices.DeleteFunc(peer.All(), func(p peer.Peer) bool {
		return !p.Ours || p.Service == "file" || len(o.Services) > 0 && !slices.Contains(o.Services, p.Service)
	})
	if len(peers) == 0 {
		return Result{}, fmt.Errorf("count the requests of a fleet at %q: there is no such service", o.Services)
	}
	services, peers, missing, err := service.For(ctx, peers)
	if err != nil {
		return Result{}, err
	}
	defer services.Close()
	r := Result{Missing: missing, Wires: make([]Wire, len(peers))}
	failed := make([]error, len(peers))
	var busy sync.WaitGroup
	for i, p := range peers {
		busy.Go(func() {
			if r.Wires[i], failed[i] = watch(ctx, o, services, p); failed[i] != nil {
				failed[i] = fmt.Errorf("a fleet of %s: %w", p.Name, failed[i])
			}
		})
	}
	busy.Wait()
	if err := errors.Join(failed...); err != nil {
		return Result{}, err
	}
	r.Figures, err = virtual(ctx, o)
	return r, err
}
