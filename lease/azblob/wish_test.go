package azblob

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

var toB = lease.Wish{Kind: lease.WishHandover, For: "b", By: "an operator"}

// wished is a lease whose holder was asked something. Each link is one process's way to it.
func wished(t *testing.T, test func(t *testing.T, azure *fakeAzure, holder, operator *link, held lease.Lease)) {
	synctest.Test(t, func(t *testing.T) {
		azure := &fakeAzure{}
		holder, operator := &link{azure: azure}, &link{azure: azure}
		held, err := holder.manager(t).Acquire(t.Context(), lease.Request{
			Name: "orders", Holder: "a", Length: 15 * time.Second, Heeds: []string{lease.WishHandover},
		})
		require.NoError(t, err)
		seen, err := lease.Inspect(t.Context(), operator.manager(t), "orders")
		require.NoError(t, err)
		require.NoError(t, lease.Ask(t.Context(), operator.manager(t), seen, toB))
		test(t, azure, holder, operator, held)
	})
}

// A wish leaves the lease as long as it was: it is Azure's own.
func TestAWishRenewsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		azure := &fakeAzure{}
		m := (&link{azure: azure}).manager(t)
		_, err := m.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "a", Length: 15 * time.Second, Heeds: []string{lease.WishHandover}})
		require.NoError(t, err)
		ends := azure.lastRenewed().Add(15 * time.Second)
		for time.Now().Before(ends) {
			seen, err := lease.Inspect(t.Context(), m, "orders")
			require.NoError(t, err)
			if time.Now().Before(ends) {
				_ = lease.Ask(t.Context(), m, seen, toB)
				_ = lease.Withdraw(t.Context(), m, seen)
			}
			time.Sleep(time.Second)
		}
		_, err = m.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "b", Length: 15 * time.Second})
		require.NoError(t, err)
	})
}

// A look that fails after Azure has renewed the lease fails no renewal: the next one finds the wish.
func TestAWishIsLookedForAgain(t *testing.T) {
	t.Parallel()
	wished(t, func(t *testing.T, _ *fakeAzure, holder, _ *link, held lease.Lease) {
		m := holder.manager(t)
		holder.cutAfter.Store(holder.sent.Load() + 1)
		got, err := m.Renew(t.Context(), held)
		require.NoError(t, err)
		require.Zero(t, got.Wish)
		holder.cutAfter.Store(0)
		got, err = m.Renew(t.Context(), got)
		require.NoError(t, err)
		require.Equal(t, lease.WishBegun, got.Wish.State)
	})
}

// A wish that is written while the holder changes its value meets no harm, and does none.
func TestAWishBesideAValue(t *testing.T) {
	t.Parallel()
	wished(t, func(t *testing.T, azure *fakeAzure, holder, operator *link, held lease.Lease) {
		held.Value, held.ValueNumber = "a value", 1
		got, err := holder.manager(t).Renew(t.Context(), held)
		require.NoError(t, err)
		require.Equal(t, []any{"a value", lease.WishBegun}, []any{got.Value, got.Wish.State})
		seen, err := lease.Inspect(t.Context(), operator.manager(t), "orders")
		require.NoError(t, err)
		require.Equal(t, []any{"a value", lease.WishBegun}, []any{seen.Value, seen.Wish.State})
	})
}

// A blob that another program has leased is left to it.
func TestNobodyAsksAnotherProgram(t *testing.T) {
	t.Parallel()
	wished(t, func(t *testing.T, azure *fakeAzure, _, operator *link, held lease.Lease) {
		azure.all = nil
		err := lease.Ask(t.Context(), operator.manager(t), lease.Info{Name: "orders", ID: held.ID, Token: held.Token}, toB)
		require.ErrorIs(t, err, lease.ErrRecord)
		require.False(t, errors.Is(err, lease.ErrRefused))
	})
}
