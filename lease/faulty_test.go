package lease_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// A faulty is a Store that misbehaves as its script says, over one that does not. It shows what no real store can be
// made to show on demand: answers that are lost, writes that land after their caller has given up, conflicts with
// one's own write, sends that a client repeats by itself.
//
// The next Loads take the faults of onLoad, one each and in order, and the next Swaps those of onSwap. A nil fault, or
// a script that has run out, is a store in good order.
type faulty struct {
	mu     sync.Mutex
	store  lease.Store
	onLoad []loadFault
	onSwap []swapFault
	late   []func()
	loads  int
	swaps  int
}

type (
	// A loadFault answers one Load; read does what a store in good order does.
	loadFault func(ctx context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error)
	// A swapFault answers one Swap; apply does what a store in good order does, even if the caller has given up.
	swapFault func(ctx context.Context, apply func() (lease.Version, error)) (lease.Version, error)
)

// errDown stands for a store that cannot be reached: nothing is known about what was sent.
var errDown = errors.New("store is down")

func (f *faulty) String() string { return "faulty store" }

func (f *faulty) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	f.mu.Lock()
	f.loads++
	fault, store := next(&f.onLoad), f.store
	f.mu.Unlock()
	if fault == nil {
		return store.Load(ctx, name)
	}
	return fault(ctx, func() (lease.Snapshot, error) { return store.Load(context.WithoutCancel(ctx), name) })
}

func (f *faulty) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	f.mu.Lock()
	f.swaps++
	fault, store := next(&f.onSwap), f.store
	f.mu.Unlock()
	if fault == nil {
		return store.Swap(ctx, name, old, data)
	}
	return fault(ctx, func() (lease.Version, error) { return store.Swap(context.WithoutCancel(ctx), name, old, data) })
}

func (f *faulty) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return f.store.(lease.Lister).List(ctx, prefix)
}

func next[F any](script *[]F) (fault F) {
	if len(*script) > 0 {
		fault, *script = (*script)[0], (*script)[1:]
	}
	return fault
}

// script replaces what is left of the script for Swaps.
func (f *faulty) script(faults ...swapFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onSwap = faults
}

// scriptLoads replaces what is left of the script for Loads.
func (f *faulty) scriptLoads(faults ...loadFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onLoad = faults
}

// sent returns how many Loads and Swaps were sent since it was last called.
func (f *faulty) sent() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := fmt.Sprintf("%d loads, %d swaps", f.loads, f.swaps)
	f.loads, f.swaps = 0, 0
	return sent
}

// later is a swapFault: the answer is an error, and the write waits for land.
func (f *faulty) later(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
	f.postpone(apply)
	return "", errDown
}

// hungLater is a swapFault: no answer until the caller gives up, and then the write still waits for land.
func (f *faulty) hungLater(ctx context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
	f.postpone(apply)
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// sentTwice is a swapFault: the answer is right, and a repetition of the write waits for land.
func (f *faulty) sentTwice(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
	f.postpone(apply)
	return apply()
}

func (f *faulty) postpone(apply func() (lease.Version, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, func() { _, _ = apply() })
}

// land sends what was postponed; whether it is applied depends on what the cell holds by now.
func (f *faulty) land() {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	for _, apply := range late {
		apply()
	}
}

// failed: the write never reached the store.
func failed(context.Context, func() (lease.Version, error)) (lease.Version, error) {
	return "", errDown
}

// lostAnswer: the write was applied, and nobody was told.
func lostAnswer(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
	_, _ = apply()
	return "", errDown
}

// conflicted: the write was applied, and the client's own repetition of it answers "conflict".
func conflicted(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
	_, _ = apply()
	return "", fmt.Errorf("%w: the cell changed", lease.ErrConflict)
}

// undecided: "conflict" although nothing was written, as S3 answers writes of the same moment.
func undecided(context.Context, func() (lease.Version, error)) (lease.Version, error) {
	return "", fmt.Errorf("%w: try again", lease.ErrConflict)
}

// hung: the write never reached the store, and the caller hears nothing.
func hung(ctx context.Context, _ func() (lease.Version, error)) (lease.Version, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// slow: the write is applied at once, and the answer takes its time.
func slow(d time.Duration) swapFault {
	return func(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
		version, err := apply()
		time.Sleep(d)
		return version, err
	}
}

// after: something else happens before the write arrives.
func after(happens func()) swapFault {
	return func(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
		happens()
		return apply()
	}
}

// unread: the cell could not be read.
func unread(context.Context, func() (lease.Snapshot, error)) (lease.Snapshot, error) {
	return lease.Snapshot{}, errDown
}

// unanswered: the cell could not be read, and the caller hears nothing.
func unanswered(ctx context.Context, _ func() (lease.Snapshot, error)) (lease.Snapshot, error) {
	<-ctx.Done()
	return lease.Snapshot{}, context.Cause(ctx)
}

// slowly: the cell is read at once, and the answer takes its time.
func slowly(d time.Duration) loadFault {
	return func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
		snapshot, err := read()
		time.Sleep(d)
		return snapshot, err
	}
}

// aged: the store's clock tells how old the write is.
func aged(d time.Duration) loadFault {
	return func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
		snapshot, err := read()
		snapshot.Age = d
		return snapshot, err
	}
}

// garbled: what the cell holds is not a record.
func garbled(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
	snapshot, err := read()
	snapshot.Data = []byte("garbage")
	return snapshot, err
}

const (
	name   = "orders"
	length = 10 * time.Second
)

// A node is one process that campaigns: it shares the cells with the others, and nothing else.
type node struct {
	*faulty
	manager lease.Manager
	ctx     context.Context
}

func newNode(ctx context.Context, cells lease.Store) *node {
	f := &faulty{store: ageless{cells}}
	return &node{faulty: f, manager: lease.NewManager(f), ctx: ctx}
}

// ageless is a store that does not tell how old a cell is.
type ageless struct{ lease.Store }

func (a ageless) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := a.Store.Load(ctx, name)
	snapshot.Age = 0
	return snapshot, err
}

func (a ageless) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for cell, err := range a.Store.(lease.Lister).List(ctx, prefix) {
			cell.Snapshot.Age = 0
			if !yield(cell, err) {
				return
			}
		}
	}
}

// restarted is the node's next process: it remembers nothing.
func (n *node) restarted() *node { return newNode(n.ctx, n.store) }

// acquire asks for the lease as every node does: the holder is a label, and tells nobody from anybody.
func (n *node) acquire() (lease.Lease, error) {
	return n.manager.Acquire(n.ctx, lease.Request{Name: name, Holder: "worker", Length: length})
}

func (n *node) renew(l lease.Lease) (lease.Lease, error) { return n.manager.Renew(n.ctx, l) }

func (n *node) release(l lease.Lease) error { return n.manager.Release(n.ctx, l) }

func (n *node) mustAcquire(t testing.TB) lease.Lease {
	t.Helper()
	l, err := n.acquire()
	require.NoError(t, err)
	return l
}

// refused is that the lease is held, and what was told about it.
func (n *node) refused(t testing.TB) lease.Info {
	t.Helper()
	_, err := n.acquire()
	var held *lease.HeldError
	require.ErrorAs(t, err, &held)
	require.ErrorIs(t, err, lease.ErrHeld)
	return held.Info
}

// stored is the lease as it lies in the cells, to somebody who has never seen it before.
func (n *node) stored(t testing.TB) lease.Info {
	t.Helper()
	info, err := lease.Inspect(t.Context(), lease.NewManager(n.store), name)
	require.NoError(t, err)
	return info
}

// lost is that err says so, for this reason.
func lost(t testing.TB, err error, reason lease.LostReason) *lease.LostError {
	t.Helper()
	var lost *lease.LostError
	require.ErrorAs(t, err, &lost)
	require.ErrorIs(t, err, lease.ErrLost)
	require.Equal(t, reason, lost.Reason)
	return lost
}
