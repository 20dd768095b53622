package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestR7_Requests(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.Equal(t, "1 loads, 1 swaps", holder.sent(), "the first acquisition")
		for range 3 {
			standby.refused(t)
			require.Equal(t, "1 loads, 0 swaps", standby.sent(), "a poll")
			var err error
			held, err = holder.renew(held)
			require.NoError(t, err)
			require.Equal(t, "0 loads, 1 swaps", holder.sent(), "a renewal")
		}
		require.NoError(t, holder.release(held))
		require.Equal(t, "0 loads, 1 swaps", holder.sent(), "a release")
		held = standby.mustAcquire(t)
		require.Equal(t, "1 loads, 1 swaps", standby.sent(), "an acquisition after a release")
		require.NotZero(t, held)
		holder.refused(t)
		time.Sleep(length)
		holder.sent()
		holder.mustAcquire(t)
		require.Equal(t, "1 loads, 1 swaps", holder.sent(), "a takeover")
		_, err := lease.Inspect(t.Context(), holder.manager, name)
		require.NoError(t, err)
		require.Equal(t, "1 loads, 0 swaps", holder.sent(), "a look")
		time.Sleep(time.Hour)
		require.Equal(t, "0 loads, 0 swaps", holder.sent(), "and nothing by itself")
	})
}

func TestR7_WhatIsInvalidIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.sent()
		_, err := holder.manager.Acquire(t.Context(), lease.Request{Holder: "worker", Length: length})
		require.ErrorIs(t, err, lease.ErrInvalid)
		_, err = holder.renew(lease.Lease{})
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorIs(t, holder.release(lease.Lease{}), lease.ErrInvalid)
		_, err = lease.Inspect(t.Context(), holder.manager, "")
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.Equal(t, "0 loads, 0 swaps", holder.sent())
	})
}
