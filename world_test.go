package leader_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const (
	length  = 15 * time.Second
	every   = 5 * time.Second
	usable  = length - length/10
	anyName = "leader"
)

// inWorld runs a test in virtual time, with one store for all its nodes, which does not tell how old a record is.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	inWorldOf(t, ageless{memory.NewStore()}, test)
}

// inTimedWorld is inWorld with a store that tells how old a record is.
func inTimedWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	inWorldOf(t, memory.NewStore(), test)
}

func inWorldOf(t *testing.T, store lease.Store, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, store: store, start: time.Now()}
		over := make(chan struct{})
		defer close(over)
		go w.watch(over)
		defer w.stopAll()
		test(w)
	})
}

type world struct {
	*testing.T
	store lease.Store
	start time.Time

	mu    sync.Mutex
	nodes []*node
	kept  []*leader.Held
	past  []string // what happened, a line each
}

// watch keeps S1: at no time does Check hold on two machines that are awake.
func (w *world) watch(over <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		leading := map[*node]lease.Term{}
		for _, n := range w.all() {
			select {
			case <-n.machine.Awake():
				if term := n.Status().Term; term.Check() == nil {
					leading[n] = term
				}
			default:
			}
		}
		// They were asked one after the other: a term that is over by now may have ended before the next one began.
		maps.DeleteFunc(leading, func(_ *node, term lease.Term) bool { return term.Check() != nil })
		if len(leading) > 1 {
			var names []string
			for n := range leading {
				names = append(names, n.name)
			}
			w.Errorf("S1: %v lead at once:\n%s", names, w.story())
			return
		}
	}
}

func (w *world) all() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.nodes)
}

// ageless is a store that does not tell how old a record is: a node learns that only by watching the record.
type ageless struct{ lease.Store }

func (a ageless) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	s, err := a.Store.Load(ctx, name)
	s.Age = 0
	return s, err
}

// look shows the lease as it is in the store.
func (w *world) look() lease.Info {
	w.Helper()
	info, err := lease.Inspect(context.Background(), lease.NewManager(w.store), anyName)
	require.NoError(w, err)
	return info
}

func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.past, "\n")
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = append(w.past, fmt.Sprintf("%8.3fs  ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

// node is one machine with a leader on it.
type node struct {
	*leader.Leader
	w       *world
	name    string
	machine *hosttest.Machine
	link    *link
	manager lease.Manager
	cancel  context.CancelCauseFunc
	result  chan error    // of Run
	done    chan struct{} // closed when Run has ended; nil before run
	started chan lease.Term
	stopped chan error // the cause, when a work has returned
	events  chan leader.Event
	health  atomic.Pointer[error]
	way     *leadertest.Manager // to the store: faults of one kind of request
}

// node adds a machine whose work runs until its context ends.
func (w *world) node(name string, opts ...leader.Option) *node {
	return w.nodeDoing(name, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, opts...)
}

// nodeDoing adds a machine with a work.
func (w *world) nodeDoing(name string, work func(context.Context) error, opts ...leader.Option) *node {
	var n *node
	started := leader.WhenStarted(func(ctx context.Context) error { return n.work(work)(ctx) })
	n = w.holder(name, append([]leader.Option{started}, opts...)...)
	return n
}

// holder adds a machine without a work: it acquires leases.
func (w *world) holder(name string, opts ...leader.Option) *node {
	n := &node{
		w: w, name: name, machine: hosttest.New(false), result: make(chan error, 1),
		started: make(chan lease.Term, 100), stopped: make(chan error, 100), events: make(chan leader.Event, 10000),
	}
	n.link = &link{store: w.store, machine: n.machine}
	n.manager = lease.NewManager(n.link)
	n.way = leadertest.NewManager(n.manager)
	n.Leader = leader.New(append([]leader.Option{
		leader.WithLeaseManager(n.way),
		leader.WithNodeID(name),
		leader.WithLogger(slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))),
		leader.WithObserver(func(e leader.Event) {
			offer(n.events, e)
		}),
		leader.WithHealth(func(context.Context) error {
			if sick := n.health.Load(); sick != nil {
				return *sick
			}
			return nil
		}),
	}, opts...)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, n)
	return n
}

// work wraps a work so that the test sees it begin and end.
func (n *node) work(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		term, ok := leader.TermFrom(ctx)
		assert.True(n.w, ok, "the work's context carries a term")
		n.w.note("%s leads with token %d", n.name, term.Token())
		offer(n.started, term)
		defer func() {
			n.w.note("%s stops: %v", n.name, context.Cause(ctx))
			offer(n.stopped, context.Cause(ctx))
		}()
		return do(ctx)
	}
}

// offer sends what a test may want to see, unless it has left very many of these in the channel.
func offer[T any](to chan T, v T) {
	select {
	case to <- v:
	default:
	}
}

func (n *node) context() context.Context {
	ctx, cancel := context.WithCancelCause(host.With(context.Background(), n.machine))
	n.cancel = cancel
	return ctx
}

// run begins Run.
func (n *node) run() *node {
	return n.runs(n.Run)
}

func (n *node) runs(run func(context.Context) error) *node {
	ctx := n.context()
	done := make(chan struct{})
	n.done = done
	go func() {
		defer close(done)
		n.result <- run(ctx)
	}()
	return n
}

func (n *node) runsOnce() *node { return n.runs(n.RunOnce) }

// stop ends Run and returns what it returned.
func (n *node) stop() error {
	n.cancel(nil)
	return <-n.result
}

func (w *world) stopAll() {
	for _, n := range w.nodes {
		n.machine.Resume()
		n.link.set(nil)
		if n.cancel != nil {
			n.cancel(nil)
		}
	}
	for _, held := range w.kept {
		_ = held.Release(context.Background())
	}
	for _, n := range w.nodes {
		if n.done != nil {
			<-n.done
		}
	}
}

// leads waits until the node's work has begun.
func (n *node) leads() lease.Term {
	n.w.Helper()
	select {
	case term := <-n.started:
		return term
	case <-time.After(time.Hour):
		require.FailNow(n.w, "it never led", "%s:\n%s", n.name, n.w.story())
		return lease.Term{}
	}
}

// link is a node's way to the store. Faults hit one node alone; a machine that is suspended neither sends nor hears.
type link struct {
	store   lease.Store
	machine *hosttest.Machine

	mu           sync.Mutex
	loads, swaps int
	fault        func(request) // runs around the request; nil: none
}

// A request passes through a fault. The fault calls send if the request is to reach the store, and sets err if its answer is
// not to reach the node.
type request struct {
	ctx  context.Context
	op   string // load or swap
	send func()
	err  *error
}

var errLost = errors.New("the connection broke")

func (l *link) set(fault func(request)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

func (l *link) counts() (loads, swaps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loads, l.swaps
}

func (l *link) do(ctx context.Context, op string, count *int, send func() error) error {
	l.mu.Lock()
	*count++
	fault := l.fault
	l.mu.Unlock()
	<-l.machine.Awake()
	defer func() { <-l.machine.Awake() }()
	if fault == nil {
		return send()
	}
	var err error
	fault(request{ctx: ctx, op: op, send: func() { err = send() }, err: &err})
	return err
}

func (l *link) Load(ctx context.Context, name string) (s lease.Snapshot, err error) {
	err = l.do(ctx, "load", &l.loads, func() (err error) { s, err = l.store.Load(ctx, name); return err })
	return s, err
}

func (l *link) Swap(ctx context.Context, name string, old lease.Version, data []byte) (v lease.Version, err error) {
	err = l.do(ctx, "swap", &l.swaps, func() (err error) {
		v, err = l.store.Swap(context.WithoutCancel(ctx), name, old, data)
		return err
	})
	return v, err
}

func (l *link) String() string { return "test store" }

// hang makes requests wait for their context to end, without reaching the store.
func hang(q request) {
	<-q.ctx.Done()
	*q.err = context.Cause(q.ctx)
}

// cut makes requests fail at once.
func cut(q request) { *q.err = errLost }

// loseAnswers lets requests reach the store, but not their answers the node.
func loseAnswers(q request) {
	q.send()
	*q.err = errLost
}

func quiet() leader.Option {
	return leader.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// force changes the record by hand, as no node does: the lease is another holder's now, or released by it.
func (w *world) force(holder string, released bool) {
	w.Helper()
	m := lease.NewManager(w.store)
	now := w.look()
	if now.State == lease.Held {
		require.NoError(w, m.Release(context.Background(), lease.Lease{
			Name: now.Name, Holder: now.Holder, ID: now.ID, Token: now.Token, Length: now.Length, Version: now.Version,
		}))
	}
	if holder == "" {
		return
	}
	held, err := m.Acquire(context.Background(), lease.Request{Name: anyName, Holder: holder, Length: length})
	require.NoError(w, err)
	if released {
		require.NoError(w, m.Release(context.Background(), held))
	}
}
