package scenario

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// record runs the scenario in virtual time, and returns its failures.
func record(t *testing.T, place func() Place) string {
	a := &attempt{}
	synctest.Test(t, func(t *testing.T) {
		a.TB = t
		Run(a, place())
	})
	return strings.Join(a.failures, "\n")
}

// ageless is a store that does not know how old a record is.
type ageless struct{ lease.Store }

func (a ageless) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	got, err := a.Store.Load(ctx, name)
	got.Age = 0
	return got, err
}

// placeOn returns a place on the store. A test may spoil its managers.
func placeOn(store lease.Store, spoil func(lease.Manager) lease.Manager) Place {
	return Place{
		Connect: func(testing.TB) (lease.Manager, func()) {
			m := lease.NewManager(store)
			if spoil != nil {
				m = spoil(m)
			}
			return Cut(m)
		},
		Token: func(t testing.TB, name string) uint64 {
			got, err := store.Load(t.Context(), name)
			require.NoError(t, err)
			return TokenIn(t, got.Data)
		},
	}
}

func TestHonestPlaces(t *testing.T) {
	t.Parallel()
	assert.Empty(t, record(t, func() Place { return placeOn(ageless{memory.NewStore()}, nil) }))
	assert.Empty(t, record(t, func() Place {
		p := placeOn(memory.NewStore(), nil)
		p.Age = true
		return p
	}))
	assert.Empty(t, record(t, func() Place {
		p := placeOn(memory.NewStore(), nil)
		p.Age, p.Length = true, 15*time.Second
		return p
	}))
}

// A store that stalls now and then, as an emulator on a busy machine does, breaks no promise, whenever and for however long it stalls.
func TestPlacesThatStall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every time.Duration
		step  time.Duration // from one phase to the next
		stall func(phase time.Duration) time.Duration
		ends  time.Duration
	}{
		{10 * time.Second, 125 * time.Millisecond, func(phase time.Duration) time.Duration { return phase / 2 }, time.Minute},
		// All the time, and longer than a renew interval.
		{15 * time.Second, 750 * time.Millisecond, func(time.Duration) time.Duration { return 6 * time.Second }, time.Hour},
	} {
		for phase := time.Duration(0); phase < c.every; phase += c.step {
			assert.Empty(t, record(t, func() Place {
				from := time.Now().Add(-phase)
				p := placeOn(stalling{memory.NewStore(), func(ctx context.Context) {
					if left := c.stall(phase) - time.Since(from)%c.every; left > 0 && time.Since(from) < c.ends {
						select {
						case <-time.After(left):
						case <-ctx.Done():
						}
					}
				}}, nil)
				p.Age = true
				return p
			}), "it stalls every %v for %v, for the first time after %v", c.every, c.stall(phase), c.every-phase)
		}
	}
}

type stalling struct {
	lease.Store
	wait func(context.Context)
}

func (s stalling) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	s.wait(ctx)
	if ctx.Err() != nil {
		return lease.Snapshot{}, ctx.Err()
	}
	return s.Store.Load(ctx, name)
}

func (s stalling) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	s.wait(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return s.Store.Swap(ctx, name, old, data)
}

// spoiled is a manager with a flaw.
type spoiled struct {
	lease.Manager
	acquire func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error)
	release func(ctx context.Context, m lease.Manager, held lease.Lease) error
}

func (s spoiled) Unwrap() lease.Manager { return s.Manager }

func (s spoiled) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	if s.acquire == nil {
		return s.Manager.Acquire(ctx, req)
	}
	return s.acquire(ctx, s.Manager, req)
}

func (s spoiled) Release(ctx context.Context, held lease.Lease) error {
	if s.release == nil {
		return s.Manager.Release(ctx, held)
	}
	return s.release(ctx, s.Manager, held)
}

func acquiring(f func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error)) func(lease.Manager) lease.Manager {
	return func(m lease.Manager) lease.Manager { return spoiled{Manager: m, acquire: f} }
}

// The scenario finds every flaw of a store or a manager.
func TestSpoiledPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		place func() Place
		says  string
	}{
		{"nobody is kept out", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				other := req
				other.Name += req.Holder
				held, err := m.Acquire(ctx, other)
				_, _ = m.Acquire(ctx, req)
				return held, err
			}))
		}, "S1"},
		{"takes over too early", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				length := req.Length
				req.Length /= 4
				held, err := m.Acquire(ctx, req)
				held.Length = length
				return held, err
			}))
		}, "S1"},
		{"a lease is free while its work goes on", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				held, err := m.Acquire(ctx, req)
				if held.Token == 2 {
					_ = m.Release(ctx, held)
				}
				return held, err
			}))
		}, "S1"},
		{"the token stays", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				held, err := m.Acquire(ctx, req)
				held.Token = 1
				return held, err
			}))
		}, "S2"},
		{"the store has another token", func() Place {
			p := placeOn(memory.NewStore(), nil)
			p.Token = func(testing.TB, string) uint64 { return 1 }
			return p
		}, "and the store says 1"},
		{"nobody takes over", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				if info, err := lease.Inspect(ctx, m, req.Name); err != nil || info.Token > 0 {
					return lease.Lease{}, &lease.HeldError{Info: info}
				}
				return m.Acquire(ctx, req)
			}))
		}, "L1: the leader lost its connection"},
		{"a release does not arrive", func() Place {
			return placeOn(memory.NewStore(), func(m lease.Manager) lease.Manager {
				return spoiled{Manager: m, release: func(context.Context, lease.Manager, lease.Lease) error { return errors.New("no") }}
			})
		}, "L1: the leader was stopped"},
		{"a fresh process never gets it", func() Place {
			return placeOn(memory.NewStore(), acquiring(func(ctx context.Context, m lease.Manager, req lease.Request) (lease.Lease, error) {
				if strings.HasPrefix(req.Holder, "fresh") {
					return lease.Lease{}, &lease.HeldError{}
				}
				return m.Acquire(ctx, req)
			}))
		}, "L1: a process started"},
		{"the connection is not cut", func() Place {
			p := placeOn(memory.NewStore(), nil)
			connect := p.Connect
			p.Connect = func(t testing.TB) (lease.Manager, func()) {
				m, _ := connect(t)
				return m, func() {}
			}
			return p
		}, "L1: the leader lost its connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, record(t, c.place), c.says)
		})
	}
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given  time.Duration
		limits lease.Limits
		want   time.Duration
	}{
		{0, lease.Limits{}, 6 * time.Second},
		{5 * time.Second, lease.Limits{}, 5 * time.Second},
		{0, lease.Limits{MinLength: 15 * time.Second, LengthStep: time.Second}, 15 * time.Second},
		{2500 * time.Millisecond, lease.Limits{LengthStep: time.Second}, 3 * time.Second},
		{2 * time.Minute, lease.Limits{MaxLength: time.Minute}, time.Minute},
	} {
		assert.Equal(t, c.want, Place{Length: c.given}.length(c.limits))
	}
}
