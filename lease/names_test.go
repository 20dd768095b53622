//go:build !race

// make test runs this without the race detector, which slows it down by ten to thirty times and more.

package lease_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// crowd is a store in which any lease is held by somebody, and that remembers nothing.
type crowd struct {
	names int
	err   error // of each write
}

func (crowd) record(name string) lease.Snapshot {
	return lease.Snapshot{Version: lease.Version("version of " + name), Data: fmt.Appendf(nil,
		`{"format":1,"token":1,"id":"the ID of %s","holder":"somebody","length":"15s","nonce":"n","released":%t,"renew_every":"5s"}`, name, false)}
}

func (c crowd) Load(_ context.Context, name string) (lease.Snapshot, error) {
	if c.err != nil {
		return lease.Snapshot{}, nil
	}
	return c.record(name), nil
}

func (c crowd) Swap(_ context.Context, name string, _ lease.Version, _ []byte) (lease.Version, error) {
	return lease.Version("version of " + name), c.err
}

func (c crowd) List(context.Context, string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for i := range c.names {
			name := fmt.Sprint("lease ", i)
			if !yield(lease.Cell{Name: name, Snapshot: c.record(name)}, nil) {
				return
			}
		}
	}
}

// A manager remembers the leases that it was asked for of late, and not all that there ever were.
func TestTheMemoryOfNamesIsBounded(t *testing.T) {
	const most = 8 << 20 // there is room for 16,384 in each of two memories
	for what, use := range map[string]func(ctx context.Context, m lease.Manager){
		"listed": func(ctx context.Context, m lease.Manager) {
			for _, err := range lease.List(ctx, m, "") {
				require.NoError(t, err)
			}
		},
		"found held": func(ctx context.Context, m lease.Manager) {
			for i := range 17_000 {
				_, err := m.Acquire(ctx, lease.Request{Name: fmt.Sprint("lease ", i), Holder: "w", Length: length})
				require.ErrorIs(t, err, lease.ErrHeld)
			}
		},
		"buried": func(ctx context.Context, m lease.Manager) {
			for i := range 17_000 {
				_, err := m.Acquire(ctx, lease.Request{Name: fmt.Sprint("lease ", i), Holder: "w", Length: length})
				require.ErrorIs(t, err, errDown)
			}
		},
	} {
		store := crowd{names: 50_000}
		if what == "buried" {
			store.err = errDown
		}
		m := lease.NewManager(store)
		before := inUse()
		use(t.Context(), m)
		grown := int64(inUse()) - int64(before)
		t.Logf("%s: %.1f MiB", what, float64(grown)/(1<<20))
		require.Less(t, grown, int64(most), what)
		runtime.KeepAlive(m)
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// R1: who campaigns is not made to forget by a long list, nor by thousands of other leases.
func TestWhatIsAskedForIsRemembered(t *testing.T) {
	for what, others := range map[string]func(t *testing.T, n *node, m lease.Manager){
		"a list of very many": func(t *testing.T, n *node, m lease.Manager) {
			n.store = crowd{names: 20_000}
			for _, err := range lease.List(n.ctx, m, "") {
				require.NoError(t, err)
			}
		},
		"thousands of others": func(t *testing.T, n *node, m lease.Manager) {
			n.store = crowd{}
			for i := range 8000 {
				_, err := m.Acquire(n.ctx, lease.Request{Name: fmt.Sprint("lease ", i), Holder: "w", Length: length})
				require.ErrorIs(t, err, lease.ErrHeld)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
				standby.refused(t)
				cells := standby.store
				for range 2 {
					time.Sleep(length / 2)
					others(t, standby, standby.manager)
					standby.store = cells
				}
				standby.mustAcquire(t)
			})
		})
	}
}

// What is forgotten is only waited for.
func TestWhatIsForgottenIsWatchedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		newNode(t.Context(), cells).mustAcquire(t)
		standby := newNode(t.Context(), cells)
		standby.refused(t)
		time.Sleep(length)
		before := standby.store
		standby.store = crowd{}
		for i := range 17_000 {
			_, err := standby.manager.Acquire(standby.ctx, lease.Request{Name: fmt.Sprint("lease ", i), Holder: "w", Length: length})
			require.ErrorIs(t, err, lease.ErrHeld)
		}
		standby.store = before
		require.Equal(t, length, standby.refused(t).RetryAfter)
		time.Sleep(length)
		standby.mustAcquire(t)
	})
}
