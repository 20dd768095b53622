package memory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func inspect(t *testing.T, m lease.Manager, name string) lease.Info {
	t.Helper()
	info, err := lease.Inspect(t.Context(), m, name)
	require.NoError(t, err)
	return info
}

// Break does not keep an assigned lease from its leader for the length for which it is kept, which has no end.
func TestBreakAnAssignedLease(t *testing.T) {
	t.Run("that its leader has not asked for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := memory.New()
			m.AssignLeader("x", "a")
			require.NoError(t, lease.Break(t.Context(), m, inspect(t, m, "x")))
			wantHeldBy(t, m, "x", "a")
			acquire(t, m, "x", "a")
		})
	})
	t.Run("that its leader holds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := memory.New()
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			require.NoError(t, lease.Break(t.Context(), m, inspect(t, m, "x")))
			_, err := m.Renew(t.Context(), a)
			require.ErrorIs(t, err, lease.ErrLost)
			wantHeldBy(t, m, "x", "a")
			time.Sleep(length)
			_, err = m.Acquire(t.Context(), request("x", "b"))
			require.ErrorIs(t, err, lease.ErrHeld)
			assert.Greater(t, acquire(t, m, "x", "a").Token, a.Token)
		})
	})
	t.Run("that is assigned no more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := memory.New()
			m.AssignLeader("x", "a")
			require.NoError(t, lease.Break(t.Context(), m, inspect(t, m, "x")))
			m.AssignLeader("x", "")
			acquire(t, m, "x", "b")
		})
	})
}

// List and Inspect agree about an assigned lease at any time.
func TestListAssignedLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		agree := func(when string) {
			t.Helper()
			listed := 0
			for info, err := range lease.List(t.Context(), m, "") {
				require.NoError(t, err)
				assert.Equal(t, inspect(t, m, info.Name), info, when)
				listed++
			}
			assert.Equal(t, 2, listed, when)
		}
		acquire(t, m, "other", "b")
		m.AssignLeader("x", "a")
		agree("assigned")
		a := acquire(t, m, "x", "a")
		agree("acquired")
		require.NoError(t, m.Release(t.Context(), a))
		agree("released")
		acquire(t, m, "x", "a")
		time.Sleep(2 * length)
		agree("expired")
		m.AssignLeader("x", "")
		agree("lifted")
	})
}

// What is wrong with a request is said of an assigned lease, too, and so is that its context has ended.
func TestWrongRequestsForAnAssignedLease(t *testing.T) {
	t.Parallel()
	m := memory.New()
	b := acquire(t, m, "x", "b")
	m.AssignLeader("x", "a")
	_, err := m.Acquire(t.Context(), lease.Request{Name: "x", Holder: "b"})
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.NotErrorIs(t, err, lease.ErrHeld)
	assert.ErrorContains(t, err, `acquire lease "x"`)
	wrong := b
	wrong.Length = 0
	_, err = m.Renew(t.Context(), wrong)
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.NotErrorIs(t, err, lease.ErrLost)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, acquired := m.Acquire(ctx, request("x", "b"))
	_, renewed := m.Renew(ctx, b)
	_, inspected := lease.Inspect(ctx, m, "x")
	for what, err := range map[string]error{
		"Acquire": acquired, "Renew": renewed, "Inspect": inspected, "Break": lease.Break(ctx, m, lease.Info{Name: "x"}),
	} {
		require.ErrorIs(t, err, context.Canceled, what)
		require.NotErrorIs(t, err, lease.ErrHeld, what)
		require.NotErrorIs(t, err, lease.ErrLost, what)
	}
}
