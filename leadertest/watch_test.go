package leadertest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// Hints come through unless a fault keeps them back; a lease that is forgotten ends its watches, and the next one is of the new record.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := leadertest.NewManager(nil)
		m := leadertest.NewManager(store)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watch := func() <-chan struct{} {
			hints, err := lease.Watch(ctx, m, "orders")
			require.NoError(t, err)
			return hints
		}
		hinted := func(hints <-chan struct{}) bool {
			synctest.Wait()
			select {
			case _, ok := <-hints:
				return ok
			default:
				return false
			}
		}
		hints := watch()
		held := acquire(t, store, "a")
		assert.True(t, hinted(hints))

		m.Set(leadertest.CutOff)
		require.NoError(t, store.Release(ctx, held))
		assert.False(t, hinted(hints), "cut off")
		_, err := lease.Watch(ctx, m, "orders")
		require.ErrorIs(t, err, leadertest.ErrFault)
		m.Set(leadertest.Hang, leadertest.Watch)
		impatient, end := context.WithTimeout(ctx, time.Second)
		defer end()
		_, err = lease.Watch(impatient, m, "orders")
		require.ErrorIs(t, err, leadertest.ErrFault)

		m.Set(leadertest.None)
		assert.False(t, hinted(hints), "what was kept back is lost")
		held = acquire(t, store, "a")
		assert.True(t, hinted(hints))
		store.Forget("orders")
		synctest.Wait()
		_, ok := <-hints
		assert.False(t, ok, "it has ended")
		require.ErrorIs(t, store.Release(ctx, held), lease.ErrLost)
		hints = watch()
		acquire(t, store, "b")
		assert.True(t, hinted(hints))
	})
}
