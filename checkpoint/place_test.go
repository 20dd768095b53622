package checkpoint_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const name = "orders-projection"

var errDown = errors.New("the store is down")

// place is one store of all terms of a test.
type place struct {
	*testing.T
	store *faulty
}

func newPlace(t *testing.T) *place { return &place{t, &faulty{Store: memory.NewStore()}} }

func (p *place) manager() lease.Manager { return lease.NewManager(p.store) }

// term is that of a lease with this token: what a leader does, without one.
func (p *place) term(token uint64) (context.Context, *lease.Keeper) {
	l := lease.Lease{Name: "orders", Holder: "worker", Token: token, ID: "x", Length: time.Hour}
	ctx, keeper := lease.StartTerm(p.Context(), l, lease.Now(p.Context()))
	p.Cleanup(func() { keeper.End(nil) })
	return ctx, keeper
}

// open opens the checkpoint under a term of the token.
func (p *place) open(token uint64, opts ...checkpoint.Option) (*checkpoint.Checkpoint[int], *lease.Keeper) {
	p.Helper()
	ctx, keeper := p.term(token)
	cp, err := checkpoint.Open[int](ctx, p.manager(), name, opts...)
	require.NoError(p, err)
	return cp, keeper
}

// stored is the value as it is in the store; -1 if there is none.
func (p *place) stored() int {
	p.Helper()
	info, err := checkpoint.Inspect[int](context.Background(), lease.NewManager(p.store.Store), name)
	require.NoError(p, err)
	if !info.Found {
		return -1
	}
	return info.Value
}

// faulty is a store whose requests a test counts, and meddles with.
type faulty struct {
	lease.Store
	mu           sync.Mutex
	loads, swaps int
	onLoad       func() error                                                     // before a load; nil: nothing
	onSwap       func(apply func() (lease.Version, error)) (lease.Version, error) // around a swap; nil: applies it
}

func (f *faulty) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	f.mu.Lock()
	f.loads++
	fault := f.onLoad
	f.mu.Unlock()
	if fault != nil {
		if err := fault(); err != nil {
			return lease.Snapshot{}, err
		}
	}
	return f.Store.Load(ctx, name)
}

func (f *faulty) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	f.mu.Lock()
	f.swaps++
	fault := f.onSwap
	f.mu.Unlock()
	apply := func() (lease.Version, error) { return f.Store.Swap(context.WithoutCancel(ctx), name, old, data) }
	if fault != nil {
		return fault(apply)
	}
	return apply()
}

func (f *faulty) fail(onLoad func() error, onSwap func(apply func() (lease.Version, error)) (lease.Version, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onLoad, f.onSwap = onLoad, onSwap
}

func (f *faulty) sent() (loads, swaps int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	loads, swaps, f.loads, f.swaps = f.loads, f.swaps, 0, 0
	return loads, swaps
}
