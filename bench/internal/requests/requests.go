// Package requests counts, on the wire, the requests that a lease takes: of this library call by call, and of all peers while
// they lead, wait, acquire and release.
package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
)

// Options say how long to count. Zero values stand for defaults.
type Options struct {
	Peers    []string                         // keys; none: all whose service gets requests
	Calls    int                              // of each kind, of this library's managers; 0: 20
	Window   time.Duration                    // how long the steady state is watched, once alone and once with standbys; 0: 4 minutes
	Cycles   int                              // acquisitions and releases that are counted; 0: 5
	Standbys int                              // 0: 2
	Log      func(format string, args ...any) // nil: silent
}

// reference is the lease length for which the page gives requests per hour: this library's default.
const reference = 15 * time.Second

// scaled is the lease length with which this library is watched. All its intervals are parts of the length, so it sends the
// same in each length. Other peers have fixed intervals, and are watched with the reference.
const scaled = 3 * time.Second

// Count is a number of requests: of one call, or an average over time.
type Count struct {
	Reads  float64 `json:"reads"`
	Writes float64 `json:"writes"`
	Others float64 `json:"others"` // neither, such as opening a session
}

// Total returns the sum.
func (c Count) Total() float64 { return c.Reads + c.Writes + c.Others }

func (c Count) minus(d Count) Count {
	return Count{c.Reads - d.Reads, c.Writes - d.Writes, c.Others - d.Others}
}

func (c Count) times(f float64) Count { return Count{c.Reads * f, c.Writes * f, c.Others * f} }

// Result is all that was counted.
type Result struct {
	Calls   []Call   `json:"calls"`
	Peers   []Watch  `json:"peers"`
	Missing []string `json:"missing,omitempty"` // peers that were not measured, and why
}

// A Call is a method of this library's Manager, on one store.
type Call struct {
	Peer    string  `json:"peer"` // its name
	Service string  `json:"service"`
	Op      string  `json:"op"`     // one of Ops
	Counts  []Times `json:"counts"` // what calls took on a lease that had been held before; one element if it was always the same
	First   Count   `json:"first"`  // what a call took on a lease that had never been held
}

// Times says how often something took so many requests.
type Times struct {
	Count
	Times int `json:"times"`
}

// Watch has the counts of one peer.
type Watch struct {
	Key      string  `json:"key"`
	Name     string  `json:"name"`
	Service  string  `json:"service"`
	Version  string  `json:"version"` // of the service; "": it does not say
	Ours     bool    `json:"ours"`
	Notes    string  `json:"notes"`
	Length   float64 `json:"length"`  // of the lease, in seconds
	Lengths  float64 `json:"lengths"` // how many lease lengths each watch lasted
	Standbys int     `json:"standbys"`
	Renew    float64 `json:"renew_every"` // seconds, with a lease of that length
	Poll     float64 `json:"poll_every"`  // seconds; 0: standbys do not ask, as the service tells them

	Acquire []Count        `json:"acquire"` // from the start of a node to that of its work, each time
	Release []Count        `json:"release"` // from the end of a node's context to its return
	Leading Count          `json:"leading"` // per length of lease, of the leader
	Waiting Count          `json:"waiting"` // per length of lease, of each standby
	Names   map[string]int `json:"names"`   // how many requests the leader and all standbys sent in one watch, by the service's name for them
	Ended   int            `json:"ended"`   // terms that ended in a watch: with any, the averages are not of a steady state alone
}

// Measure counts. It watches peers of different services at the same time.
func Measure(ctx context.Context, o Options) (Result, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	o.Calls, o.Cycles, o.Standbys = orElse(o.Calls, 20), orElse(o.Cycles, 5), orElse(o.Standbys, 2)
	o.Window = orElse(o.Window, 4*time.Minute)
	peers, err := chosen(o.Peers)
	if err != nil {
		return Result{}, err
	}
	services, peers, missing, err := service.For(ctx, peers)
	if err != nil {
		return Result{}, err
	}
	defer services.Close()
	for _, m := range missing {
		o.Log("requests: not measured: %s", m)
	}
	byService := map[string][]peer.Peer{}
	var names []string
	for _, p := range peers {
		if byService[p.Service] == nil {
			names = append(names, p.Service)
		}
		byService[p.Service] = append(byService[p.Service], p)
	}
	parts, failed := make([]Result, len(names)), make([]error, len(names))
	var busy sync.WaitGroup
	for i, name := range names {
		busy.Go(func() { parts[i], failed[i] = at(ctx, o, services, byService[name]) })
	}
	busy.Wait()
	all := Result{Missing: missing}
	for _, part := range parts {
		all.Calls, all.Peers = append(all.Calls, part.Calls...), append(all.Peers, part.Peers...)
	}
	order := func(key string) int { return slices.IndexFunc(peers, func(p peer.Peer) bool { return p.Key == key }) }
	slices.SortStableFunc(all.Peers, func(a, b Watch) int { return order(a.Key) - order(b.Key) })
	return all, errors.Join(failed...)
}

// at counts everything at one service, one thing after the other: a service counts all that arrives, from every sender.
func at(ctx context.Context, o Options, services *service.Services, peers []peer.Peer) (r Result, err error) {
	for _, p := range peers {
		here, endpoint := placeOf(services, p.Service), services.Endpoint(p.Service)
		if p.Ours {
			calls, err := countCalls(ctx, o, here, p, endpoint)
			if err != nil {
				return r, fmt.Errorf("%s: %w", p.Name, err)
			}
			r.Calls = append(r.Calls, calls...)
		}
		w, err := watch(ctx, o, here, p, endpoint)
		if err != nil {
			return r, fmt.Errorf("%s: %w", p.Name, err)
		}
		w.Version = services.Version(p.Service)
		r.Peers = append(r.Peers, w)
	}
	return r, nil
}

// chosen finds the peers. Those that have their leases in files send no requests, and are left out.
func chosen(keys []string) ([]peer.Peer, error) {
	var peers []peer.Peer
	for _, p := range peer.All() {
		if p.Service != "file" && (len(keys) == 0 || slices.Contains(keys, p.Key)) {
			peers = append(peers, p)
		}
	}
	for _, key := range keys {
		if !slices.ContainsFunc(peers, func(p peer.Peer) bool { return p.Key == key }) {
			return nil, fmt.Errorf("count the requests of %q: there is no such peer, or it sends none", key)
		}
	}
	return peers, nil
}

func orElse[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// A place is where requests are counted.
type place struct {
	count func() (Count, map[string]int) // the requests that have arrived so far, all and by name
	late  time.Duration                  // how long after its answer a request is counted, at most
}

func placeOf(services *service.Services, name string) place {
	p := place{count: func() (Count, map[string]int) {
		c := services.Counts(name)
		return Count{float64(c.Reads), float64(c.Writes), float64(c.Others)}, c.ByName
	}}
	if name == "redis" || name == "postgres" { // these are counted from the servers' own logs
		p.late = 150 * time.Millisecond
	}
	return p
}

// settled counts once every answered request has been counted.
func (p place) settled(ctx context.Context) (Count, error) {
	if err := service.Pause(ctx, p.late); err != nil {
		return Count{}, err
	}
	c, _ := p.count()
	return c, nil
}
