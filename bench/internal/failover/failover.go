// Package failover measures how long nobody leads: after the leader's process was killed, after it has ended in an orderly way,
// and where there is no standby. The candidates are real processes (bench/candidate).
package failover

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
)

// Options say what to measure. Zero values stand for defaults.
type Options struct {
	Peers     []string      // keys; none: all
	Groups    int           // of each peer, side by side, each with a different lease; 0: 10
	Kills     int           // of leaders, of each peer, at least; 0: 300; less than 0: none
	Handovers int           // of each peer, at least; 0: 50; less than 0: none
	Fresh     int           // kills without a standby, on each store of this library, at least; 0: 40; less than 0: none
	Length    time.Duration // of the leases; 0: 15 s. Azure's last 15 s at least, and etcd's are whole seconds.
	LeadFrom  float64       // a leader leads for a random time before it is killed, from so many renew intervals; 0: 6
	LeadTo    float64       // to so many; 0: 12
	Follow    bool          // standbys of this library wait at the leader's Handler
	InTurn    bool          // one peer after another, not all side by side

	Candidate string                           // the program bench/candidate; "": Measure builds it
	Log       func(format string, args ...any) // nil: silent
}

const (
	candidates  = 3 // of a group
	freshGroups = 3 // of a store, at once: each starts a process every second
)

// defaults fills in what was left out. A number below 0 becomes 0.
func (o *Options) defaults() {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
		*n = max(*n, 0)
	}
	set(&o.Groups, 10)
	set(&o.Kills, 300)
	set(&o.Handovers, 50)
	set(&o.Fresh, 40)
	o.Groups = max(o.Groups, 1)
	if o.Length <= 0 {
		o.Length = 15 * time.Second
	}
	if o.LeadFrom <= 0 {
		o.LeadFrom = 6
	}
	if o.LeadTo <= 0 {
		o.LeadTo = 12
	}
	o.LeadTo = max(o.LeadTo, o.LeadFrom)
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
}

// Result is all that was measured.
type Result struct {
	LeadFrom float64 `json:"lead_from"` // in renew intervals
	LeadTo   float64 `json:"lead_to"`
	Groups   int     `json:"groups"`
	Peers    []Of    `json:"peers"`

	Missing []string `json:"missing,omitempty"` // peers that were not measured, and why

	// Pauses are how many seconds the machine stood still, or its wall clock was stepped, each time. What was being measured
	// then is left out.
	Pauses []float64 `json:"pauses,omitempty"`
}

// Of has the results of one peer. Samples are in milliseconds, to a tenth; their order means nothing.
type Of struct {
	Key          string  `json:"key"`
	Name         string  `json:"name"`
	Service      string  `json:"service"`
	Version      string  `json:"version,omitempty"` // of the service
	Notes        string  `json:"notes"`
	Ours         bool    `json:"ours"`
	Length       float64 `json:"length"` // of the lease, in seconds; so are the next two
	RenewEvery   float64 `json:"renew_every"`
	AcquireEvery float64 `json:"acquire_every"` // 0: the service tells standbys

	AfterRenewal []float64 `json:"after_renewal"` // of kills: from when the last successful renewal was sent to the next leader's start
	AfterKill    []float64 `json:"after_kill"`    // of the same kills, in the same order: from the kill
	Handovers    []float64 `json:"handovers"`     // from the release, or from the end of the work, to the next leader's start
	Fresh        []float64 `json:"fresh"`         // like AfterRenewal, but without standbys: fresh processes try

	Terms     int      `json:"terms"`
	Overlaps  int      `json:"overlaps"`  // terms that began before the term of another process was over
	Lost      int      `json:"lost"`      // terms that ended before they were meant to
	Discarded int      `json:"discarded"` // kills in the middle of a renewal, which prove nothing
	Disturbed int      `json:"disturbed"` // kills and hand-overs during one of the Pauses, which are left out
	Problems  []string `json:"problems,omitempty"`
}

// Takeover is the result of a kill.
type Takeover struct{ AfterRenewal, AfterKill time.Duration }

// lengthFor returns the lease length for a peer: the nearest that its service accepts.
func lengthFor(p peer.Peer, length time.Duration) time.Duration {
	switch p.Service {
	case "azure": // https://learn.microsoft.com/rest/api/storageservices/lease-blob: 15 to 60 whole seconds
		return max(length.Round(time.Second), 15*time.Second)
	case "etcd":
		return max(length.Round(time.Second), time.Second)
	}
	return length
}

// Measure starts what the peers need, and measures all peers side by side, or in turn: first the kills and hand-overs, then the
// fresh processes, which use more of the processor.
func Measure(ctx context.Context, o Options) (Result, error) {
	o.defaults()
	peers, err := chosen(o.Peers)
	if err != nil {
		return Result{}, err
	}
	if o.Candidate == "" {
		remove, err := o.build(ctx)
		if err != nil {
			return Result{}, err
		}
		defer remove()
	}
	services, peers, missing, err := service.For(ctx, peers)
	if err != nil {
		return Result{}, err
	}
	defer services.Close()
	for _, m := range missing {
		o.Log("failover: not measured: %s", m)
	}

	r := Result{LeadFrom: o.LeadFrom, LeadTo: o.LeadTo, Groups: o.Groups, Missing: missing}
	m := &measurement{o: &o, services: services, run: time.Now().UnixNano(), of: map[string]*Of{}}
	for _, p := range peers {
		m.of[p.Key] = about(p, lengthFor(p, o.Length), services.Version(p.Service))
	}
	o.Log("failover: %d peers, %d groups of %d each: %d kills and %d hand-overs of each peer", len(peers), o.Groups, candidates, o.Kills, o.Handovers)
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { m.pulse.watch(watching) })
	defer watcher.Wait()
	defer stop()
	errStandbys := m.all(ctx, peers, o.Groups, m.standbys)
	freshPeers := slices.DeleteFunc(slices.Clone(peers), func(p peer.Peer) bool { return p.Once == nil })
	var errFresh error
	if errStandbys == nil && o.Fresh > 0 {
		o.Log("failover: fresh processes, on %d stores", len(freshPeers))
		errFresh = m.all(ctx, freshPeers, min(freshGroups, o.Fresh), m.alone)
	}
	for _, p := range peers {
		r.Peers = append(r.Peers, *m.of[p.Key])
	}
	r.Pauses = m.pulse.all()
	return r, errors.Join(errStandbys, errFresh)
}

func chosen(keys []string) ([]peer.Peer, error) {
	if len(keys) == 0 {
		return peer.All(), nil
	}
	var peers []peer.Peer
	for _, key := range keys {
		p, err := peer.Find(key)
		if err != nil {
			return nil, err
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// build builds the candidate's program. Call it in the module's folder, or below.
func (o *Options) build(ctx context.Context) (remove func(), err error) {
	dir, err := os.MkdirTemp("", "leader-bench-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the candidate's program: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	o.Candidate = filepath.Join(dir, "candidate")
	said, err := exec.CommandContext(ctx, "go", "build", "-o", o.Candidate, "github.com/cloudlease/leader/bench/candidate").CombinedOutput()
	if err != nil {
		remove()
		return nil, fmt.Errorf("build the candidate: %w: %s: run this from the bench folder of the repository", err, said)
	}
	return remove, nil
}

func about(p peer.Peer, length time.Duration, version string) *Of {
	of := &Of{
		Key: p.Key, Name: p.Name, Service: p.Service, Version: version, Notes: p.Notes, Ours: p.Ours,
		Length: length.Seconds(), RenewEvery: p.RenewEvery(length).Seconds(),
	}
	if p.AcquireEvery != nil {
		of.AcquireEvery = p.AcquireEvery(length).Seconds()
	}
	return of
}

// A measurement is shared by the groups.
type measurement struct {
	o        *Options
	services *service.Services
	pulse    pulse
	run      int64 // distinguishes the leases' names from those of other runs

	mu sync.Mutex
	of map[string]*Of
}

// all measures each peer with so many groups.
func (m *measurement) all(ctx context.Context, peers []peer.Peer, groups int, measure func(context.Context, *group, int) error) error {
	if !m.o.InTurn {
		return m.together(ctx, peers, groups, measure)
	}
	var errs []error
	for _, p := range peers {
		errs = append(errs, m.together(ctx, []peer.Peer{p}, groups, measure))
	}
	return errors.Join(errs...)
}

// together measures the peers side by side. If a group cannot go on, the others do, and together returns its error in the end.
func (m *measurement) together(ctx context.Context, peers []peer.Peer, groups int, measure func(context.Context, *group, int) error) error {
	var running sync.WaitGroup
	errs := make([]error, len(peers)*groups)
	for i, p := range peers {
		for n := range groups {
			running.Go(func() {
				g := newGroup(m.o, &m.pulse, p, m.services.Endpoint(p.Service), fmt.Sprintf("failover-%d-%s-%d", m.run, p.Key, n))
				errs[i*groups+n] = measure(ctx, g, groups)
				g.end()
				m.ended(g)
			})
		}
	}
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	for tick := time.NewTicker(30 * time.Second); ; {
		select {
		case <-tick.C:
			m.progress(peers)
		case <-done:
			tick.Stop()
			m.progress(peers)
			return errors.Join(errs...)
		}
	}
}

// standbys measures a group's part of the kills and hand-overs.
func (m *measurement) standbys(ctx context.Context, g *group, groups int) error {
	for range candidates {
		if err := g.join(ctx); err != nil {
			return err
		}
	}
	of := m.of[g.peer.Key]
	for n := 0; n < share(m.o.Kills, groups); {
		t, ok, err := g.crash(ctx)
		if err != nil {
			return err
		}
		if ok {
			n++
			m.mu.Lock()
			of.AfterRenewal = append(of.AfterRenewal, tenth(t.AfterRenewal))
			of.AfterKill = append(of.AfterKill, tenth(t.AfterKill))
			m.mu.Unlock()
		}
	}
	for n := 0; n < share(m.o.Handovers, groups); {
		took, ok, err := g.handOver(ctx)
		if err != nil {
			return err
		}
		if ok {
			n++
			m.add(&of.Handovers, took)
		}
	}
	return nil
}

// alone measures a group's part of the kills without standbys.
func (m *measurement) alone(ctx context.Context, g *group, groups int) error {
	g.single = true
	of := m.of[g.peer.Key]
	for n := 0; n < share(m.o.Fresh, groups); {
		after, ok, err := g.fresh(ctx)
		if err != nil {
			return err
		}
		if ok {
			n++
			m.add(&of.Fresh, after)
		}
	}
	return nil
}

// share returns a group's part of n, rounded up.
func share(n, groups int) int { return (n + groups - 1) / groups }

// add adds a sample.
func (m *measurement) add(samples *[]float64, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*samples = append(*samples, tenth(d))
}

// tenth returns milliseconds, rounded to a tenth.
func tenth(d time.Duration) float64 { return math.Round(float64(d)/1e5) / 10 }

// ended notes the rest of a group's results.
func (m *measurement) ended(g *group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.of[g.peer.Key]
	of.Terms += len(g.terms)
	of.Overlaps += overlaps(g.terms)
	of.Lost += g.lost
	of.Discarded += g.discarded
	of.Disturbed += g.disturbed
	of.Problems = append(of.Problems, g.problems...)
}

func (m *measurement) progress(peers []peer.Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var parts []string
	for _, p := range peers {
		of := m.of[p.Key]
		parts = append(parts, fmt.Sprintf("%s %d+%d+%d", p.Key, len(of.AfterKill), len(of.Handovers), len(of.Fresh)))
	}
	m.o.Log("failover: so far: %s", strings.Join(parts, ", "))
}
