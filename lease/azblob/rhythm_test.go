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

func TestLookAfter(t *testing.T) {
	t.Parallel()
	acquired := time.Date(2025, 3, 1, 23, 59, 58, 0, time.UTC)
	for _, test := range []struct{ length, renewEvery, every time.Duration }{
		{15 * time.Second, 0, 5 * time.Second}, // not said: a third of the length
		{15 * time.Second, 5 * time.Second, 5 * time.Second},
		{15 * time.Second, 2 * time.Second, 2 * time.Second}, // the lease runs out a second after a renewal is due
		{60 * time.Second, 7 * time.Second, 7 * time.Second},
		{15 * time.Second, time.Hour, 5 * time.Second}, // it cannot be
	} {
		seen := record{token: 1, id: "x", holder: "h", length: test.length, acquired: acquired, renewEvery: test.renewEvery}
		every := test.every
		for _, late := range []float64{0, .5, 1} {
			m := &manager{late: late}
			own := every/32 + time.Duration(late*float64(every/12))
			for _, now := range []time.Duration{
				0, time.Millisecond, own - 1, own, own + 1, time.Second, every, 17 * time.Second, 1000 * time.Hour,
				-time.Millisecond, -7 * time.Second, -1000 * time.Hour, // its clock is ahead of this machine's
			} {
				now += test.length
				wait := m.lookAfter(seen, acquired.Add(now))
				assert.Positive(t, wait)
				assert.LessOrEqual(t, wait, every)
				// After a moment at which the lease can run out, and not much.
				after := ((now+wait-test.length)%every + every) % every
				assert.GreaterOrEqual(t, after, every/64, "%v later, a look in %v", now, wait)
				assert.LessOrEqual(t, after, own, "%v later, a look in %v", now, wait)
			}
			// Who is in step spends nothing on staying so, nor on falling into step with a holder who took over just now.
			for now := own; now < own+every/10; now += every / 100 {
				assert.Equal(t, every+own-now, m.lookAfter(seen, acquired.Add(test.length+now)))
			}
			for now := every / 64; now < own; now += every / 100 {
				assert.Equal(t, every, m.lookAfter(seen, acquired.Add(test.length+now)))
			}
		}
	}
	m := &manager{}
	assert.Zero(t, m.lookAfter(record{length: 15 * time.Second}, acquired), "nobody knows when it was acquired")
	assert.Zero(t, m.lookAfter(record{acquired: acquired, length: 63 * 3}, acquired))
	assert.Positive(t, m.lookAfter(record{acquired: acquired, length: 15 * time.Second}, time.Time{}))
}

// A leader renews at whole intervals after it asked for the lease, and publishes that time, however long the acquisition took.
func TestAcquiredIsWhenItWasAskedFor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	on := make(chan struct{})
	struck := proxy.OnRequest(3, wire.Hold(wire.Before, on)) // Acquire Lease, after the blob was made
	got := make(chan lease.Lease, 1)
	asked := time.Now()
	go func() { got <- acquire(t, m, "orders", "one") }()
	<-struck
	close(on)
	arrived := time.Now()
	held := <-got
	assert.WithinRange(t, held.Acquired, asked.Add(-time.Millisecond), arrived)
}

// The holder's interval is published with the lease, and stays there through its term.
func TestRenewInterval(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.client(t, connectionString(), nil))
	req := request("orders", "one")
	req.RenewEvery = 4 * time.Second
	held, err := m.Acquire(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, req.RenewEvery, held.RenewEvery)
	held, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
	assert.Equal(t, req.RenewEvery, held.RenewEvery)
	_, err = m.Acquire(t.Context(), request("orders", "two"))
	by, ok := errors.AsType[*lease.HeldError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, req.RenewEvery, by.Info.RenewEvery)
	assert.True(t, by.Info.Timed)
	assert.Positive(t, by.Info.LookAfter)
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		assert.Equal(t, req.RenewEvery, info.RenewEvery)
		assert.True(t, info.Timed)
	}
	require.NoError(t, m.Release(t.Context(), held))
	info, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	assert.False(t, info.Timed)

	require.NoError(t, m.Release(t.Context(), acquire(t, m, "orders", "three"))) // which does not say
	assert.NotContains(t, p.metadata(t, "orders"), keyRenewEvery)
	for _, nonsense := range []string{"soon", "-1s", "5"} { // is a hint that nobody gave, and no error
		all := p.metadata(t, "orders")
		all[keyRenewEvery] = &nonsense
		p.set(t, "orders", all, "")
		info, err := lease.Inspect(t.Context(), m, "orders")
		require.NoError(t, err, nonsense)
		assert.Zero(t, info.RenewEvery, nonsense)
	}
}

// A poll that is refused says when to look again.
func TestAPollHints(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.client(t, connectionString(), nil))
	acquire(t, m, "orders", "one")
	_, err := m.Acquire(t.Context(), request("orders", "two"))
	by, ok := errors.AsType[*lease.HeldError](err)
	require.True(t, ok, "%v", err)
	assert.Positive(t, by.Info.LookAfter)
	assert.LessOrEqual(t, by.Info.LookAfter, by.Info.Length/3)
	assert.Zero(t, by.Info.RetryAfter, "Azure does not show when the lease runs out")
}
