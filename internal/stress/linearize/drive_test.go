package linearize

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

const (
	checkLimit   = 20 * time.Second // to check one history, which takes milliseconds
	patience     = 4 * time.Minute  // for a history, and for a call that nothing disturbs, on a busy machine: both end sooner
	cellClients  = 5
	cellCalls    = 40 // of each client
	leaseClients = 4
	disturbed    = 0.12
	impatient    = 0.05 // the share of calls whose context ends at once, or soon
)

// What has to happen in a history for it to prove anything.
var (
	enoughOfCells  = map[string]int{"operations": 100, "unknown outcomes": 5, "conflicts": 10}
	enoughOfLeases = map[string]int{
		"operations": 60, "unknown outcomes": 3, "acquisitions": 5, "renewals": 5, "releases": 2, "told held": 10, "told lost": 1, "takeovers": 1,
		"values inherited": 1,
	}
)

// A connection belongs to one process: a manager, and the store below it, unless the manager is native.
type connection struct {
	lease.Store
	lease.Manager
	retries bool // the SDK retries writes
	faulty       // nil: nothing goes wrong
}

// A faulty connection makes something go wrong with the next requests, and counts how often something has.
type faulty interface {
	disturb()
	heal() // undoes disturb, as far as nothing has gone wrong yet
	faults() int
}

// A service is one place, to which processes connect.
type service struct {
	length   time.Duration // of a lease
	span     time.Duration // the least duration of a history of leases
	names    int           // of leases in a history; 0: 2
	native   bool
	slack    time.Duration
	disturbs time.Duration // the most time that a disturbed call takes
	// connect makes the n-th client's connection. Number 0 is for no client, but for looking at the outcome afterwards. It is
	// called from the test's goroutine.
	connect func(t testing.TB, n int) connection
}

// A player is one client of a history: a sequential process.
type player struct {
	connection
	service
	number int
	*rand.Rand
	names []string
	made  int // labels made so far
	ended int // contexts that ended early
}

func (s service) players(t testing.TB, clients int, names []string) []*player {
	var all []*player
	for n := 1; n <= clients; n++ {
		all = append(all, &player{
			connection: s.connect(t, n), service: s, number: n, names: names, Rand: rand.New(rand.NewPCG(rand.Uint64(), 0)),
		})
	}
	return all
}

// call makes one call, with a fault or without.
func (p *player) call(f func(ctx context.Context)) {
	patience, impatience := patience, false
	p.heal()
	switch chance := p.Float64(); {
	case chance < disturbed:
		p.disturb()
		patience = p.disturbs
	case chance < disturbed+impatient:
		patience, impatience = time.Duration(p.Int64N(int64(15*time.Millisecond))), true
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f(ctx)
	if ctx.Err() != nil && impatience {
		p.ended++
	}
}

func (p *player) name() string { return p.names[p.IntN(len(p.names))] }

// label returns a label that is new to the history.
func (p *player) label() string {
	p.made++
	return fmt.Sprintf("%c%d", 'a'+p.number-1, p.made)
}

// playCells makes a history of a store's cells.
func (s service) playCells(t testing.TB, enough map[string]int, names ...string) (h *History[Datum], faults int) {
	h = NewHistory[Datum]()
	players := s.players(t, cellClients, names)
	var all sync.WaitGroup
	for _, p := range players {
		all.Go(func() { p.swap(&Cells{History: h, Store: p.Store, Retries: p.retries}, enough) })
	}
	all.Wait()
	last := &Cells{History: h, Store: s.connect(t, 0).Store}
	for _, name := range names {
		finally(t, func(ctx context.Context) error {
			_, err := last.Load(ctx, name)
			return err
		})
	}
	return h, faultsOf(players)
}

// swap is a client of cells: it replaces what it has last read or written, even if it has been told that this is no longer
// there.
func (p *player) swap(c *Cells, enough map[string]int) {
	know := map[string]lease.Snapshot{}
	for begun := time.Now(); (p.made < cellCalls || !c.History.has(enough)) && time.Since(begun) < patience; {
		name := p.name()
		p.call(func(ctx context.Context) {
			if p.IntN(5) < 2 {
				p.made++
				if got, err := c.Load(ctx, name); err == nil {
					know[name] = got
				}
				return
			}
			written, err := c.Swap(ctx, name, know[name], Datum(p.label()))
			switch {
			case err == nil:
				know[name] = written
			case p.IntN(3) > 0:
				if got, err := c.Load(ctx, name); err == nil {
					know[name] = got
				}
			}
		})
	}
}

// has reports whether enough has happened.
func (h *History[S]) has(enough map[string]int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for what, n := range enough {
		if h.counts[what] < n {
			return false
		}
	}
	return true
}

func faultsOf(players []*player) (n int) {
	for _, p := range players {
		n += p.faults() + p.ended
	}
	return n
}

// finally makes a call that has to succeed, as nothing disturbs it.
func finally(t testing.TB, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, try(ctx))
}

// playLeases makes a history of leases.
func (s service) playLeases(t testing.TB, enough map[string]int, names ...string) (h *History[Term], faults int) {
	h = NewHistory[Term]()
	leases := func(m lease.Manager, number int) *Leases {
		return &Leases{History: h, Manager: m, Number: number, Length: s.length, Native: s.native, Slack: s.slack}
	}
	players := s.players(t, leaseClients, names)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range players {
		all.Go(func() { p.campaign(ctx, leases(p.Manager, p.number), enough) })
	}
	all.Wait()
	last := leases(s.connect(t, 0).Manager, leaseClients+1)
	for _, name := range names {
		finally(t, func(ctx context.Context) error {
			_, err := last.Inspect(ctx, name)
			return err
		})
	}
	return h, faultsOf(players)
}

// A hold is a lease that its client believes to have, or sleeps through.
type hold struct {
	lease.Lease             // with the value that was set last, whether or not it is stored (V2)
	older       lease.Lease // as it was before that; no ID: the value was not set
	until       time.Time   // when the client wakes up; zero: it is awake
}

// set changes the value.
func (h *hold) set(value string) {
	h.older = h.Lease
	h.Value = value
	h.ValueNumber++
}

// sent returns the lease for the next call, mostly with a new value. Otherwise it may be an older one, as of a call that was held up.
func (h *hold) sent(p *player, changes float64) lease.Lease {
	switch {
	case p.Float64() < changes:
		h.set(p.label())
	case h.older.ID != "" && p.IntN(2) == 0:
		return h.older
	}
	return h.Lease
}

// campaign is a client of leases: it takes, keeps and releases them, sets their values, and sometimes sleeps. After that it
// continues with a lease that may be lost.
func (p *player) campaign(ctx context.Context, c *Leases, enough map[string]int) {
	holds := map[string]*hold{}
	for begun := time.Now(); ctx.Err() == nil && (time.Since(begun) < p.span || !c.History.has(enough)); {
		name := p.name()
		p.call(func(ctx context.Context) { p.act(ctx, c, name, holds) })
		select { // the pace of a campaign
		case <-time.After(time.Duration(p.Int64N(int64(p.length / 15)))):
		case <-ctx.Done():
		}
	}
}

func (p *player) act(ctx context.Context, c *Leases, name string, holds map[string]*hold) {
	has := holds[name]
	asleep := has != nil && time.Now().Before(has.until)
	switch chance := p.Float64(); {
	case chance < 0.12:
		_, _ = c.Inspect(ctx, name)
	case has == nil || asleep || chance < 0.17: // another thread of the process may ask for a lease that it has
		if got, err := c.Acquire(ctx, name, p.label()); err == nil {
			holds[name] = &hold{Lease: got}
		}
	case chance < 0.65:
		got, err := c.Renew(ctx, has.sent(p, 0.7))
		switch {
		case err == nil && got.ValueNumber < has.ValueNumber:
		case err == nil:
			holds[name] = &hold{Lease: got, older: has.older}
		case errors.Is(err, lease.ErrLost) && p.IntN(2) == 0:
			delete(holds, name) // or the client does not believe it, and asks again
		}
	case chance < 0.85:
		err := c.Release(ctx, has.sent(p, 0.5))
		if err == nil && p.IntN(3) > 0 || errors.Is(err, lease.ErrLost) {
			delete(holds, name) // or the client forgets that it has released the lease
		}
	default:
		has.until = time.Now().Add(time.Duration((0.5 + 0.8*p.Float64()) * float64(p.length)))
	}
}
