package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// tick is how often a condition is checked.
const tick = 5 * time.Millisecond

// A story has the nodes, and what they did.
type story struct {
	testing.TB
	place  Place
	name   string        // of the lease
	length time.Duration // of the lease
	every  time.Duration // the renew and acquire interval
	slack  time.Duration // time for one request and scheduling, on top of the rules' bounds
	stalls atomic.Int64  // of the store, and of this process
	begun  chan *reign
	ending chan struct{}  // closed when the story is over
	all    sync.WaitGroup // goroutines that the story started

	mu     sync.Mutex
	nodes  []*node
	latest *reign
}

// A node is one process with a leader in it.
type node struct {
	*leader.Leader
	name   string
	cut    func()      // cuts it off from the store
	apart  atomic.Bool // it is cut off
	cancel context.CancelFunc
	done   chan error    // the result of Run
	letGo  chan struct{} // work that was told to stop returns once this is closed

	renewals atomic.Int64 // renewals that succeeded
	refusals atomic.Int64 // requests that failed with ErrHeld
}

// A reign is one term.
type reign struct {
	node  *node
	term  lease.Term
	ended atomic.Pointer[error] // why the work had to return; nil while it runs
}

func (r *reign) returned() bool { return r.ended.Load() != nil }

func (r *reign) cause() error {
	if cause := r.ended.Load(); cause != nil {
		return *cause
	}
	return nil
}

func newStory(t *attempt, place Place) *story {
	s := &story{
		TB: t, place: place, name: "scenario-" + rand.Text(),
		begun: make(chan *reign, 100), ending: make(chan struct{}),
	}
	s.all.Go(s.watch)
	return s
}

// over stops everything that still runs, and waits for it.
func (s *story) over() {
	close(s.ending)
	s.mu.Lock()
	nodes := slices.Clone(s.nodes)
	s.mu.Unlock()
	for _, n := range nodes {
		n.cancel()
	}
	s.all.Wait()
}

// node makes a node with a new connection.
func (s *story) node(name string) *node {
	s.Helper()
	m, cut := s.place.Connect(s)
	if s.length == 0 {
		s.length = s.place.length(lease.LimitsOf(m))
		s.every = s.length / lease.IntervalsPerLength
		s.slack = s.every // no request takes longer
	}
	n := &node{name: name, cancel: func() {}, done: make(chan error, 1), letGo: make(chan struct{})}
	n.cut = func() { n.apart.Store(true); cut() }
	n.Leader = leader.New(
		leader.WithLeaseManager(m),
		leader.WithLeaseName(s.name),
		leader.WithNodeID(name),
		leader.WithLeaseLength(s.length),
		leader.WithRenewEvery(s.every),
		leader.WithAcquireEvery(s.every),
		leader.WithLogger(slog.New(slog.NewTextHandler(s.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))),
		leader.WithObserver(func(e leader.Event) { s.observe(n, e) }),
		leader.WhenStarted(func(ctx context.Context) error { return s.work(ctx, n) }),
	)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = append(s.nodes, n)
	return n
}

// start starts Run.
func (s *story) start(n *node) {
	ctx, cancel := context.WithCancel(s.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	n.cancel = cancel
	s.all.Go(func() { n.done <- n.Run(ctx) })
}

func (s *story) observe(n *node, e leader.Event) {
	r, ok := e.(leader.RequestEvent)
	if !ok {
		return
	}
	switch {
	case r.Op == leader.OpRenew && r.Err == nil:
		n.renewals.Add(1)
	case errors.Is(r.Err, lease.ErrHeld):
		n.refusals.Add(1)
	}
	if r.Took > s.slack/2 && !n.apart.Load() {
		s.stalls.Add(1)
	}
}

// refusals returns how often a node was told that another one leads.
func (s *story) refusals() (sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		sum += n.refusals.Load()
	}
	return sum
}

// work leads until it is told to stop, and then takes its time, unless the lease is lost.
func (s *story) work(ctx context.Context, n *node) error {
	term, _ := leader.TermFrom(ctx)
	r := &reign{node: n, term: term}
	s.mu.Lock()
	if before := s.latest; before != nil && term.Token() <= before.term.Token() {
		s.Errorf("S2: %s leads with token %d, and %s before it with token %d", n.name, term.Token(), before.node.name, before.term.Token())
	}
	s.latest = r
	s.mu.Unlock()
	s.wantOneTerm()
	s.begun <- r
	select {
	case <-n.letGo:
	case <-ctx.Done():
		select {
		case <-n.letGo:
		case <-term.Done():
		case <-s.ending:
		}
	}
	cause := context.Cause(ctx)
	r.ended.Store(&cause)
	return nil
}

// watch checks S1 all the time, and notes when it could not.
func (s *story) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.ending:
			return
		case <-ticker.C:
			if time.Since(last) > 50*tick {
				s.stalls.Add(1)
			}
			last = time.Now()
			s.wantOneTerm()
		}
	}
}

// wantOneTerm fails if two terms hold at once.
func (s *story) wantOneTerm() {
	s.mu.Lock()
	nodes := slices.Clone(s.nodes)
	s.mu.Unlock()
	var names []string
	var terms []lease.Term
	for _, n := range nodes {
		if term := n.Status().Term; term.Check() == nil {
			names, terms = append(names, n.name), append(terms, term)
		}
	}
	var held []string
	for i, term := range terms { // successive terms may both pass the checks above, but not these, too
		if term.Check() == nil {
			held = append(held, names[i])
		}
	}
	if len(held) > 1 {
		s.Errorf("S1: the terms of %q hold at the same time", held)
	}
}

// next waits for the next term to begin, for the given time and the slack at most. The store has to show the same token as the
// term.
func (s *story) next(after string, within time.Duration) *reign {
	s.Helper()
	patience := time.NewTimer(within + s.slack)
	defer patience.Stop()
	select {
	case r := <-s.begun:
		token := s.place.Token(s, s.name)
		s.Logf("%s: %s leads with token %d", after, r.node.name, r.term.Token())
		if want := r.term.Token(); token != want && (token < want || r.term.Check() == nil) {
			s.Errorf("%s: %s leads with token %d, and the store says %d", after, r.node.name, want, token)
		}
		return r
	case <-patience.C:
		s.Fatalf("L1: %s, and nobody leads after %v and %v for requests", after, within, s.slack)
		return nil
	}
}

// renews waits until the leader has just renewed its lease.
func (s *story) renews(r *reign) {
	s.Helper()
	before := r.node.renewals.Load()
	s.eventually("the leader renews its lease", func() bool { return r.node.renewals.Load() > before })
}

// ended waits for Run to return, and returns its error.
func (s *story) ended(n *node) (err error) {
	s.Helper()
	s.eventually("Run returns, as its context has ended", func() bool {
		select {
		case err = <-n.done:
			return true
		default:
			return false
		}
	})
	return err
}

// eventually waits for something that no rule has a time for.
func (s *story) eventually(what string, holds func() bool) {
	s.Helper()
	patience := 2*s.length + 10*time.Second
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for from := time.Now(); !holds(); <-ticker.C {
		if time.Since(from) > patience {
			s.Fatalf("%s: not in %v", what, patience)
		}
	}
}
