// Package fleettest runs a fleet in a test, in virtual time: nodes that come, go, crash, sleep and are cut off, and which part is
// where.
//
//	synctest.Test(t, func(t *testing.T) {
//		ships := fleettest.New(t, fleet.WithShards(12))
//		a, b := ships.Join("a", work), ships.Join("b", work)
//		ships.Settle()
//		a.Crash()
//		ships.Settle()
//		// ships.Where() is all at b, and no two nodes have worked on one part at once.
//	})
//
// Use it in a testing/synctest bubble: there an hour takes no time.
package fleettest

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A Work is a node's work for each of its parts.
type Work func(ctx context.Context, part string) error

// Wait is a Work that waits until its context ends.
func Wait(ctx context.Context, _ string) error {
	<-ctx.Done()
	return nil
}

// A Fleet is a fleet of several nodes in a test. At each begin of a work it checks that nobody else works on the part, and that the
// part's token is greater than all before it; if not, the test fails. Make one with New. It is safe for concurrent use.
type Fleet struct {
	t     testing.TB
	store lease.Store
	opts  []fleet.Option

	mu     sync.Mutex
	nodes  []*Node
	works  map[string][]*term
	tokens map[string]uint64
	begun  int
	last   time.Time // when a work began or returned

	counters []*atomic.Int64 // of reads and writes
	latency  time.Duration
}

// A term is one work that goes on.
type term struct {
	node *Node
	term lease.Term
}

// New returns a fleet without nodes. The options are for each node; WithLeaseManager, WithNodeID and WhenAssigned are the Fleet's
// own. When the test ends, all nodes leave.
func New(t testing.TB, opts ...fleet.Option) *Fleet {
	return &Fleet{t: t, store: memory.NewStore(), opts: opts, works: map[string][]*term{}, tokens: map[string]uint64{}, last: time.Now()}
}

// Join starts a node. The options come after those of New.
func (f *Fleet) Join(name string, work Work, opts ...fleet.Option) *Node {
	f.t.Helper()
	n := &Node{Name: name, fleet: f, machine: hosttest.New(true), gone: make(chan struct{})}
	n.Store = leadertest.NewManager(lease.NewManager(link{f.store, n}))
	ctx, leave := context.WithCancelCause(host.With(context.Background(), n.machine))
	n.leave = leave
	n.dead, n.die = context.WithCancel(context.Background())
	own := []fleet.Option{
		fleet.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), fleet.WithNodeID(name), fleet.WithLeaseManager(n.Store),
		fleet.WhenAssigned(func(ctx context.Context, part string) error { return f.work(ctx, n, part, work) }),
	}
	n.Fleet = fleet.New(append(append(own, f.opts...), opts...)...)
	f.mu.Lock()
	f.nodes = append(f.nodes, n)
	f.mu.Unlock()
	go func() {
		defer close(n.gone)
		n.result = n.Run(ctx)
	}()
	f.t.Cleanup(n.end)
	return n
}

// work runs the work of a part, and checks the promises.
func (f *Fleet) work(ctx context.Context, n *Node, part string, work Work) error {
	held, _ := lease.TermFrom(ctx)
	mine := &term{n, held}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(n.dead, func() { cancel(context.Canceled) })()
	f.begins(mine, part)
	defer f.ends(mine, part)
	return work(ctx, part)
}

func (f *Fleet) begins(mine *term, part string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range f.works[part] {
		if other.term.Check() == nil && other.node.isAwake() {
			f.t.Errorf("part %s: %s begins with token %d while %s works on it with token %d", part, mine.node.Name, mine.term.Token(), other.node.Name, other.term.Token())
		}
	}
	if token := mine.term.Token(); token < f.tokens[part] || token == f.tokens[part] && !f.again(mine, part) {
		f.t.Errorf("part %s: token %d after %d", part, token, f.tokens[part])
	}
	f.tokens[part] = mine.term.Token()
	f.works[part] = append(f.works[part], mine)
	f.begun++
	f.last = time.Now()
}

// again reports whether a node begins a work again in the same term, as it does after an error.
func (f *Fleet) again(mine *term, part string) bool { return mine.node.had[part] == mine.term.Token() }

func (f *Fleet) ends(mine *term, part string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.works[part]
	for i, other := range all {
		if other == mine {
			f.works[part] = append(all[:i:i], all[i+1:]...)
		}
	}
	if mine.node.had == nil {
		mine.node.had = map[string]uint64{}
	}
	mine.node.had[part] = mine.term.Token()
	f.last = time.Now()
}

// Where returns which node works on each part.
func (f *Fleet) Where() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	where := map[string]string{}
	for part, works := range f.works {
		for _, w := range works {
			if w.node.isAwake() && w.term.Check() == nil {
				where[part] = w.node.Name
			}
		}
	}
	return where
}

// Loads returns how many parts each node works on; no entry means none.
func (f *Fleet) Loads() map[string]int {
	loads := map[string]int{}
	for name := range maps.Values(f.Where()) {
		loads[name]++
	}
	return loads
}

// Begun returns how many works have begun so far: the parts, and one for each move.
func (f *Fleet) Begun() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// Settle waits until no work has begun or returned for five lease lengths, from now on: then the fleet is in balance, as far as the
// nodes that live allow. The test fails if that takes more than a hundred.
func (f *Fleet) Settle() {
	f.t.Helper()
	length := fleet.New(f.opts...).Status().Length
	for called := time.Now(); time.Since(called) < 100*length; time.Sleep(length / 2) {
		f.mu.Lock()
		quiet := min(time.Since(f.last), time.Since(called)) >= 5*length
		f.mu.Unlock()
		if quiet {
			return
		}
	}
	f.t.Fatalf("fleettest: works still begin and end after a hundred lease lengths: %v", f.Loads())
}

// Count adds the reads and the writes that reach the store from now on to the counters.
func (f *Fleet) Count(reads, writes *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counters = []*atomic.Int64{reads, writes}
}

// SetLatency makes each request take up to most, half of it on the way to the store. Without it requests take no time.
func (f *Fleet) SetLatency(most time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency = most
}

// travel lets a request or an answer take its time.
func (f *Fleet) travel() {
	f.mu.Lock()
	most := f.latency
	f.mu.Unlock()
	if most > 0 {
		time.Sleep(rand.N(most / 2))
	}
}

func (f *Fleet) counts(kind int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counters != nil {
		f.counters[kind].Add(1)
	}
}

// Store returns a manager for a look at the fleet's leases from outside, which no node's faults disturb.
func (f *Fleet) Store() lease.Manager { return lease.NewManager(f.store) }
