package azblob

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// landLate renews with the value, and returns when its Put Blob is under way. land lets that land, and waits until the renewal
// has its answer.
func (p place) landLate(t *testing.T, held lease.Lease, value string) (land func() (lease.Lease, error)) {
	t.Helper()
	connection, proxy := proxiedConnection(t)
	late := make(chan struct{})
	struck := proxy.OnRequest(2, wire.Hold(wire.Before, late))
	var renewed lease.Lease
	failed := make(chan error, 1)
	go func() {
		var err error
		renewed, err = New(p.client(t, connection, nil)).Renew(t.Context(), withValue(held, value))
		failed <- err
	}()
	<-struck
	return func() (lease.Lease, error) {
		close(late)
		err := <-failed
		return renewed, err
	}
}

// V3: a Put Blob that lands late takes no newer value back, and says so.
func TestValue_LandsAfterANewerOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	land := p.landLate(t, held, "older")
	held.ValueNumber++ // that one's
	newer := renew(t, m, withValue(held, "newer"))
	got, err := land()
	require.NoError(t, err)
	assert.Equal(t, []any{newer.Value, newer.ValueNumber, newer.Attributes, newer.Version}, []any{got.Value, got.ValueNumber, got.Attributes, got.Version})
	p.wantValue(t, newer, "newer")
}

// A Put Blob that lands before a newer one, unseen, does not keep that from landing.
func TestValue_LandsBeforeANewerOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	_, err := p.landLate(t, held, "older")()
	require.NoError(t, err)
	held.ValueNumber++
	p.wantValue(t, renew(t, m, withValue(held, "newer")), "newer")
}

// A Put Blob that lands when its term is over changes nothing, and the lease is lost.
func TestValue_LandsAfterItsTerm(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	for name, test := range map[string]struct {
		end    func(held lease.Lease)
		reason lease.LostReason
	}{
		"released": {func(held lease.Lease) { require.NoError(t, m.Release(t.Context(), held)) }, lease.LostReleased},
		"broken":   {func(held lease.Lease) { require.NoError(t, p.breakLease(t.Context(), held.Name)) }, lease.LostReleased},
		"gone":     {func(held lease.Lease) { require.NoError(t, p.remove(t.Context(), held.Name)) }, lease.LostGone},
		"taken": {func(held lease.Lease) {
			require.NoError(t, m.Release(t.Context(), held))
			renew(t, m, withValue(acquire(t, m, held.Name, "two"), "of two"))
		}, lease.LostTaken},
		"taken, and given back": {func(held lease.Lease) {
			require.NoError(t, m.Release(t.Context(), held))
			require.NoError(t, m.Release(t.Context(), withValue(acquire(t, m, held.Name, "two"), "of two")))
		}, lease.LostTaken},
	} {
		t.Run(name, func(t *testing.T) {
			held := renew(t, m, withValue(acquire(t, m, name, "one"), "stored"))
			land := p.landLate(t, held, "late")
			test.end(held)
			_, err := land()
			lost, ok := errors.AsType[*lease.LostError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, test.reason, lost.Reason)
			want := map[lease.LostReason]string{lease.LostReleased: "stored", lease.LostTaken: "of two"}[test.reason]
			assert.Equal(t, want, acquireAnew(t, p, name).Value)
		})
	}
}

// acquireAnew breaks whatever lease there is, and acquires it.
func acquireAnew(t testing.TB, p place, name string) lease.Lease {
	t.Helper()
	_ = p.breakLease(t.Context(), name) // there may be none
	return acquire(t, New(p.Client), name, "next")
}

// A lease that runs out while a value is on its way is not lost: Azure renews it, if nobody has taken it (R4).
func TestValue_LandsAfterTheLeaseRanOut(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	released := acquire(t, m, "released", "one")
	land := p.landLate(t, held, "set")
	state := func(name string) lease.State {
		info, err := lease.Inspect(t.Context(), m, name)
		require.NoError(t, err)
		return info.State
	}
	require.Eventually(t, func() bool { return state("orders") == lease.Expired }, limits.MinLength+5*time.Second, 100*time.Millisecond)
	_, err := land()
	require.Error(t, err)
	require.NotErrorIs(t, err, lease.ErrLost)
	p.wantValue(t, renew(t, m, withValue(held, "set")), "set")
	require.Equal(t, lease.Held, state("orders"))

	require.Equal(t, lease.Expired, state("released"))
	require.NoError(t, m.Release(t.Context(), withValue(released, "set last")), "the release of a lease that ran out stores its value, too")
	require.Equal(t, "set last", acquire(t, m, "released", "two").Value)
}
