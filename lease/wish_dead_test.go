package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// However late a dead holder is asked, and however late that is withdrawn: a process that has just started takes its lease over within
// two lengths.
func TestWish_OfTheDeadAndWithdrawn(t *testing.T) {
	const every = length / lease.IntervalsPerLength
	for patience := time.Duration(0); patience < length; patience += length / 40 {
		heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
			held.RenewEvery = every
			_, err := holder.renew(held)
			require.NoError(t, err)
			died := time.Now()
			fresh := func() lease.Manager { return lease.NewManager(operator.store.(ageless).Store) }
			time.Sleep(2*every - 1)
			require.NoError(t, lease.Ask(t.Context(), fresh(), operator.stored(t), toB))
			time.Sleep(patience)
			err = lease.Withdraw(t.Context(), fresh(), operator.stored(t))
			if patience < every {
				require.NoError(t, err)
			} else {
				refusedFor(t, err, lease.RefusedLate, "and may be dead")
			}
			time.Sleep(time.Until(died.Add(2 * length)))
			next, err := fresh().Acquire(t.Context(), lease.Request{Name: name, Holder: "b", Length: length})
			require.NoError(t, err)
			require.Equal(t, held.Token+1, next.Token)
		})
	}
}
