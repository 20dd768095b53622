package azblob

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestManager(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Length:        limits.MinLength,
		Age:           true,
		AcquireWrites: 2,
		Open: func(t testing.TB) leasetest.Place {
			p := newPlace(t)
			counter := &wire.Counter{}
			client := p.client(t, connectionString(), counter)
			return leasetest.Place{
				Manager:  func() lease.Manager { return New(client) },
				Delete:   p.remove,
				Requests: counter.Counts,
				Slow: func(answered func() error) lease.Manager {
					return New(p.client(t, connectionString(), &wire.Counter{Answered: answered}))
				},
			}
		},
	})
}

// TestScenario tells the story with the shortest lease that there is.
func TestScenario(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	scenario.Run(t, scenario.Place{
		Connect: func(t testing.TB) (lease.Manager, func()) {
			m, proxy := p.proxied(t)
			return m, proxy.Refuse
		},
		Token:  p.token,
		Length: limits.MinLength,
		Age:    true,
	})
}

// The requests of each call, by name, so that nothing else is ever sent (R7).
func TestRequests(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	counter := &wire.Counter{}
	m := New(p.client(t, connectionString(), counter))
	sent := func(f func()) string {
		before := len(counter.Requests())
		f()
		var methods []string
		for _, r := range counter.Requests()[before:] {
			require.True(t, strings.HasSuffix(r.Path, "/"+p.name+"/orders"), r.Path)
			methods = append(methods, r.Method)
		}
		return strings.Join(methods, " ")
	}
	var held lease.Lease
	require.Equal(t, "GET PUT PUT PUT", sent(func() { held = acquire(t, m, "orders", "one") }))
	require.Equal(t, "GET", sent(func() {
		_, err := m.Acquire(t.Context(), request("orders", "two"))
		require.ErrorIs(t, err, lease.ErrHeld)
	}))
	require.Equal(t, "PUT", sent(func() {
		_, err := m.Renew(t.Context(), held)
		require.NoError(t, err)
	}))
	for _, value := range []string{"set", "set", ""} { // the second time only the attributes change
		require.Equal(t, "PUT PUT", sent(func() { held = renew(t, m, withValue(held, value)) }))
		require.Equal(t, "PUT", sent(func() { held = renew(t, m, held) }))
	}
	require.Equal(t, "PUT", sent(func() { require.NoError(t, m.Release(t.Context(), held)) }))
	require.Equal(t, "GET PUT PUT", sent(func() { held = acquire(t, m, "orders", "one") }))
	require.Equal(t, "PUT PUT PUT", sent(func() { require.NoError(t, m.Release(t.Context(), withValue(held, "set last"))) }))
	require.Equal(t, "GET PUT PUT", sent(func() { acquire(t, m, "orders", "two") }))
}
