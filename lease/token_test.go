package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestR5_TokensOnlyGrow(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.Equal(t, uint64(1), held.Token)
		token := held.Token
		acquires := func(n *node, how string) lease.Lease {
			l := n.mustAcquire(t)
			require.Equal(t, token+1, l.Token, how)
			token = l.Token
			require.Equal(t, token, n.stored(t).Token)
			return l
		}

		held, err := holder.renew(held)
		require.NoError(t, err)
		require.Equal(t, token, held.Token, "a renewal is the same term")
		require.NoError(t, holder.release(held))
		require.Equal(t, token, holder.stored(t).Token, "a release keeps the record")
		acquires(standby, "after a release")
		standby.refused(t)
		time.Sleep(length)
		acquires(standby, "after an expiry")
		holder.refused(t)
		time.Sleep(length)
		held = acquires(holder, "after a takeover")
		holder = holder.restarted()
		require.NoError(t, holder.release(held), "a lease does not belong to the process")
		held = acquires(holder, "after a restart")

		require.NoError(t, holder.release(held))
		holder.script(holder.later)
		_, err = holder.acquire()
		require.ErrorIs(t, err, errDown)
		holder.land()
		token++ // nobody's, yet spent
		held = acquires(holder, "after a failed acquisition that landed")
		require.NoError(t, holder.release(held))

		holder.script(lostAnswer)
		_, err = holder.acquire()
		require.ErrorIs(t, err, errDown)
		token++
		acquires(standby, "after a failed acquisition that was released")
	})
}

func TestR5_IDsAreUnique(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		seen := map[string]bool{}
		for range 100 {
			require.Len(t, held.ID, 32, "128 bits, in hexadecimal digits")
			require.False(t, seen[held.ID])
			seen[held.ID] = true
			require.NoError(t, holder.release(held))
			held = holder.mustAcquire(t)
		}
	})
}

// A version that comes again would make a late write land on a record that is not the one it was to replace.
func TestR5_EveryWriteDiffersFromEveryOther(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		written := map[string]bool{}
		for range 100 {
			cell, err := holder.store.Load(t.Context(), name)
			require.NoError(t, err)
			require.False(t, written[string(cell.Data)], "even within one moment")
			written[string(cell.Data)] = true
			held, err = holder.renew(held)
			require.NoError(t, err)
		}
	})
}
