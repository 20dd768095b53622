package lease_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const yield = 3 * time.Second

func (n *node) asks(holder string, yield time.Duration) (lease.Lease, error) {
	return n.manager.Acquire(n.ctx, lease.Request{Name: name, Holder: holder, Length: length, Yield: yield})
}

// leftTo releases a lease to the named node, and returns three nodes on its store.
func leftTo(t *testing.T, next string) (a, b, c *node) {
	cells := memory.NewStore()
	a, b, c = newNode(t.Context(), cells), newNode(t.Context(), cells), newNode(t.Context(), cells)
	held := a.mustAcquire(t)
	held.Next = next
	require.NoError(t, a.release(held))
	return a, b, c
}

func left(t testing.TB, err error) lease.Info {
	t.Helper()
	var held *lease.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, []any{lease.Free, "b"}, []any{held.Info.State, held.Info.Next})
	require.ErrorContains(t, err, `is free, and is left to "b" at first`)
	return held.Info
}

func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b, c := leftTo(t, "b")
		c.sent()
		for waited := time.Duration(0); waited < yield; waited += time.Second {
			_, err := c.asks("c", yield)
			require.Equal(t, yield-waited, left(t, err).RetryAfter)
			require.Equal(t, "1 loads, 0 swaps", c.sent())
			time.Sleep(time.Second)
		}
		_, err := b.asks("d", yield)
		require.Equal(t, yield, left(t, err).RetryAfter, "each counts from when it first saw the record")
		held, err := c.asks("c", yield)
		require.NoError(t, err, "its time has passed")
		require.NoError(t, c.release(held))
		_, err = b.asks("d", yield)
		require.NoError(t, err, "the name has gone with the record")
	})
}

func TestYieldsNot(t *testing.T) {
	for what, ask := range map[string]func(b, c *node) error{
		"the named node":     func(b, _ *node) error { _, err := b.asks("b", yield); return err },
		"a node of its name": func(_, c *node) error { _, err := c.asks("b", yield); return err },
		"who does not yield": func(_, c *node) error { _, err := c.asks("c", 0); return err },
		"a record that is older by the store's clock": func(b, _ *node) error {
			time.Sleep(yield)
			_, err := lease.NewManager(b.store.(ageless).Store).Acquire(b.ctx, lease.Request{Name: name, Holder: "c", Length: length, Yield: yield})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, b, c := leftTo(t, "b")
				require.NoError(t, ask(b, c))
			})
		})
	}
}

// A release that lands while an acquisition is under way counts as one that was seen.
func TestYieldAfterAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := leftTo(t, "")
		c.script(after(func() {
			held := a.mustAcquire(t)
			held.Next = "b"
			require.NoError(t, a.release(held))
		}))
		_, err := c.asks("c", yield)
		require.Equal(t, yield, left(t, err).RetryAfter)
		held, err := b.asks("b", yield)
		require.NoError(t, err)
		require.EqualValues(t, 3, held.Token)
	})
}

// Only a released record is left to anybody: an expired one, a broken one, and one that a failed acquisition leaves, are not.
func TestYieldNeedsARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		a, c := newNode(t.Context(), cells), newNode(t.Context(), cells)
		held := a.mustAcquire(t)
		held.Next = "b"
		held, err := a.renew(held)
		require.NoError(t, err)
		require.Empty(t, held.Next, "a renewal names nobody")
		require.Empty(t, c.stored(t).Next)
		held.Next = "b\x00"
		require.ErrorIs(t, a.release(held), lease.ErrInvalid)
		c.refused(t)
		time.Sleep(length)
		_, err = c.asks("c", yield)
		require.NoError(t, err)
		_, err = c.asks("c", -1)
		require.ErrorIs(t, err, lease.ErrInvalid)
	})
}

// L1: a list whose reader is slow shows an old page. The lease is not left to the named node once more.
func TestYieldOnceThoughAListIsSlow(t *testing.T) {
	for what, before := range map[string]func(t *testing.T, a *node) lease.Lease{
		"it was held":                   func(t *testing.T, a *node) lease.Lease { return a.mustAcquire(t) },
		"it was left to somebody else":  func(t *testing.T, a *node) lease.Lease { return leaves(t, a, "d") },
		"it was free, and left to none": func(t *testing.T, a *node) lease.Lease { return leaves(t, a, "") },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cells := memory.NewStore()
				a, c := newNode(t.Context(), cells), newNode(t.Context(), cells)
				held := before(t, a)
				c.store = paged{ageless{cells}, 2 * time.Second}
				listed := make(chan error)
				go func() {
					var err error
					for _, err = range lease.List(c.ctx, c.manager, "") {
						break
					}
					listed <- err
				}()
				time.Sleep(time.Second)
				if what != "it was held" {
					held = a.mustAcquire(t)
				}
				held.Next = "b"
				require.NoError(t, a.release(held))
				_, err := c.asks("c", yield)
				require.Equal(t, yield, left(t, err).RetryAfter)
				require.NoError(t, <-listed)
				time.Sleep(yield - time.Second)
				_, err = c.asks("c", yield)
				require.NoError(t, err, "its time has passed")
			})
		})
	}
}

func leaves(t *testing.T, a *node, next string) lease.Lease {
	held := a.mustAcquire(t)
	held.Next = next
	require.NoError(t, a.release(held))
	return held
}
