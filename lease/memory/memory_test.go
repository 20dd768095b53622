package memory_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
	"github.com/cloudlease/leader/lease/memory"
)

func TestStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStores(t, func(testing.TB) func() lease.Store {
		s := memory.NewStore()
		return func() lease.Store { return s }
	})
}

// One Manager is all that knows of its leases, so "another process" is the same one.
func TestManager(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Virtual: true,
		Open: func(testing.TB) leasetest.Place {
			m := memory.New()
			return leasetest.Place{Manager: func() lease.Manager { return m }}
		},
	})
}

// Other processes would use the protocol over the store, if they could.
func TestManagersOfOneStore(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Virtual: true,
		Open: func(testing.TB) leasetest.Place {
			store := memory.NewStore()
			return leasetest.Place{
				Manager: func() lease.Manager { return lease.NewManager(store) },
				Slow: func(answered func() error) lease.Manager {
					return lease.NewManager(leasetest.Late(store, answered))
				},
				Store: store,
			}
		},
	})
}

const length = 15 * time.Second

func request(name, holder string) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: length, Attributes: map[string]string{"of": holder}}
}

func acquire(t *testing.T, m lease.Manager, name, holder string) lease.Lease {
	t.Helper()
	l, err := m.Acquire(t.Context(), request(name, holder))
	require.NoError(t, err)
	return l
}

// wantHeldBy fails unless the lease is holder's, to everybody who asks for it and to everybody who looks.
func wantHeldBy(t *testing.T, m lease.Manager, name, holder string) {
	t.Helper()
	_, err := m.Acquire(t.Context(), request(name, "somebody else"))
	var held *lease.HeldError
	require.ErrorAs(t, err, &held)
	assert.ErrorIs(t, err, lease.ErrHeld)
	assert.Equal(t, holder, held.Info.Holder)
	assert.Equal(t, name, held.Info.Name)
	assert.Equal(t, lease.Held, held.Info.State)
	info, err := lease.Inspect(t.Context(), m, name)
	require.NoError(t, err)
	assert.Equal(t, lease.Held, info.State)
	assert.Equal(t, holder, info.Holder)
}

// wantTaken fails unless the lease has been lost to holder.
func wantTaken(t *testing.T, m lease.Manager, was lease.Lease, holder string) {
	t.Helper()
	_, err := m.Renew(t.Context(), was)
	var lost *lease.LostError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, lease.LostTaken, lost.Reason)
	assert.Equal(t, was.Name, lost.Name)
	assert.Equal(t, was.Token, lost.Token)
	assert.Equal(t, holder, lost.Now.Holder)
	assert.ErrorIs(t, m.Release(t.Context(), was), lease.ErrLost)
}

func TestAssignLeader(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, m *memory.Manager){
		"free": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			wantHeldBy(t, m, "x", "a")
			a := acquire(t, m, "x", "a")
			wantHeldBy(t, m, "x", "a")
			_, err := m.Acquire(t.Context(), request("x", "a"))
			assert.ErrorIs(t, err, lease.ErrHeld, "the assigned holder does not re-enter")
			_, err = m.Renew(t.Context(), a)
			require.NoError(t, err)
		},
		"held by another": func(t *testing.T, m *memory.Manager) {
			b := acquire(t, m, "x", "b")
			m.AssignLeader("x", "a")
			wantHeldBy(t, m, "x", "a")
			wantTaken(t, m, b, "a")
			a := acquire(t, m, "x", "a")
			assert.Greater(t, a.Token, b.Token)
			wantTaken(t, m, b, "a")
			_, err := m.Renew(t.Context(), a)
			require.NoError(t, err)
		},
		"held by another that has renewed": func(t *testing.T, m *memory.Manager) {
			b := acquire(t, m, "x", "b")
			renewed, err := m.Renew(t.Context(), b)
			require.NoError(t, err)
			m.AssignLeader("x", "a")
			wantTaken(t, m, renewed, "a")
			wantTaken(t, m, b, "a")
		},
		"held by another that has stored a value": func(t *testing.T, m *memory.Manager) {
			b := acquire(t, m, "x", "b")
			b.Value, b.ValueNumber = "plan", 1
			_, err := m.Renew(t.Context(), b)
			require.NoError(t, err)
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			assert.Equal(t, "plan", a.Value)
			require.NoError(t, m.Release(t.Context(), a))
			m.AssignLeader("x", "")
			a = acquire(t, m, "x", "c")
			assert.Equal(t, "plan", a.Value)
			assert.Contains(t, string(a.History), `b`)
		},
		"held by the same": func(t *testing.T, m *memory.Manager) {
			a := acquire(t, m, "x", "a")
			m.AssignLeader("x", "a")
			wantHeldBy(t, m, "x", "a")
			renewed, err := m.Renew(t.Context(), a)
			require.NoError(t, err, "who leads already goes on")
			assert.Equal(t, a.Token, renewed.Token)
			require.NoError(t, m.Release(t.Context(), renewed))
			again := acquire(t, m, "x", "a")
			assert.Greater(t, again.Token, a.Token)
		},
		"released by the assigned": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			require.NoError(t, m.Release(t.Context(), a))
			_, err := m.Acquire(t.Context(), request("x", "b"))
			var held *lease.HeldError
			require.ErrorAs(t, err, &held, "the lease is the assigned holder's, whether it wants it or not")
			assert.Equal(t, lease.Held, held.Info.State)
			assert.Equal(t, "a", held.Info.Holder)
			wantHeldBy(t, m, "x", "a")
			again := acquire(t, m, "x", "a")
			assert.Greater(t, again.Token, a.Token)
		},
		"released by the assigned, who took it from another": func(t *testing.T, m *memory.Manager) {
			b := acquire(t, m, "x", "b")
			m.AssignLeader("x", "a")
			require.NoError(t, m.Release(t.Context(), acquire(t, m, "x", "a")))
			_, err := m.Renew(t.Context(), b)
			var lost *lease.LostError
			require.ErrorAs(t, err, &lost)
			assert.Equal(t, lease.LostTaken, lost.Reason)
			assert.Equal(t, lease.Held, lost.Now.State)
			assert.Equal(t, "a", lost.Now.Holder)
		},
		"nothing to wait for": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			for range 2 {
				_, err := m.Acquire(t.Context(), request("x", "b"))
				var held *lease.HeldError
				require.ErrorAs(t, err, &held)
				assert.Zero(t, held.Info.RetryAfter, "an assigned lease does not become free in time")
				_, _ = m.Acquire(t.Context(), request("x", "a"))
			}
		},
		"left behind by the assigned": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			time.Sleep(2 * length)
			_, err := m.Acquire(t.Context(), request("x", "b"))
			assert.ErrorIs(t, err, lease.ErrHeld)
			again := acquire(t, m, "x", "a")
			assert.Greater(t, again.Token, a.Token)
		},
		"kept for as long as it takes": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			time.Sleep(1000 * time.Hour)
			wantHeldBy(t, m, "x", "a")
			acquire(t, m, "x", "a")
		},
		"reassigned before it was acquired": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			m.AssignLeader("x", "b")
			wantHeldBy(t, m, "x", "b")
			_, err := m.Acquire(t.Context(), request("x", "a"))
			assert.ErrorIs(t, err, lease.ErrHeld)
			acquire(t, m, "x", "b")
		},
		"reassigned while it was held": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			m.AssignLeader("x", "b")
			wantTaken(t, m, a, "b")
			b := acquire(t, m, "x", "b")
			assert.Greater(t, b.Token, a.Token)
			m.AssignLeader("x", "a")
			wantTaken(t, m, b, "a")
			again := acquire(t, m, "x", "a")
			assert.Greater(t, again.Token, b.Token)
			wantTaken(t, m, a, "a") // an earlier term of the same holder is not the later one
		},
		"assigned twice": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			m.AssignLeader("x", "a")
			wantHeldBy(t, m, "x", "a")
			a := acquire(t, m, "x", "a")
			m.AssignLeader("x", "a")
			_, err := m.Renew(t.Context(), a)
			require.NoError(t, err)
		},
		"lifted before it was acquired": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			m.AssignLeader("x", "")
			acquire(t, m, "x", "b")
		},
		"lifted while it was held": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("x", "a")
			a := acquire(t, m, "x", "a")
			m.AssignLeader("x", "")
			wantHeldBy(t, m, "x", "a")
			a, err := m.Renew(t.Context(), a)
			require.NoError(t, err, "who leads goes on, as everybody may")
			require.NoError(t, m.Release(t.Context(), a))
			b := acquire(t, m, "x", "b")
			assert.Greater(t, b.Token, a.Token)
		},
		"lifted where nothing was assigned": func(t *testing.T, m *memory.Manager) {
			b := acquire(t, m, "x", "b")
			m.AssignLeader("x", "")
			_, err := m.Renew(t.Context(), b)
			require.NoError(t, err)
		},
		"one name": func(t *testing.T, m *memory.Manager) {
			y := acquire(t, m, "y", "b")
			m.AssignLeader("x", "a")
			_, err := m.Renew(t.Context(), y)
			require.NoError(t, err)
			acquire(t, m, "z", "b")
		},
		"names that no lease can have": func(t *testing.T, m *memory.Manager) {
			m.AssignLeader("", "a")
			m.AssignLeader("x", "a\n")
			acquire(t, m, "x", "b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, memory.New()) })
		})
	}
}

// While leaders come and go, an assignment at any moment must leave one holder, with a token that nobody had before.
func TestAssignLeaderWhileOthersCampaign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		var mu sync.Mutex
		holders := map[uint64]string{}
		stop := make(chan struct{})
		var all sync.WaitGroup
		for _, holder := range []string{"a", "b", "c"} {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
					}
					l, err := m.Acquire(t.Context(), request("x", holder))
					if err != nil {
						assert.ErrorIs(t, err, lease.ErrHeld)
						continue
					}
					mu.Lock()
					assert.Empty(t, holders[l.Token], "two terms have one token")
					holders[l.Token] = holder
					mu.Unlock()
					for err == nil && l.Token%3 != 0 {
						time.Sleep(time.Second)
						l, err = m.Renew(t.Context(), l)
					}
					if err != nil {
						assert.ErrorIs(t, err, lease.ErrLost)
					} else if err = m.Release(t.Context(), l); err != nil {
						assert.ErrorIs(t, err, lease.ErrLost)
					}
				}
			})
		}
		for i := range 60 {
			time.Sleep(1500 * time.Millisecond)
			assigned := []string{"a", "b", "c", ""}[i%4]
			m.AssignLeader("x", assigned)
			if assigned != "" {
				_, err := m.Acquire(t.Context(), request("x", "somebody else"))
				assert.ErrorIs(t, err, lease.ErrHeld)
			}
		}
		close(stop)
		m.AssignLeader("x", "nobody")
		all.Wait()
		assert.Greater(t, len(holders), 20)
	})
}

func TestOpen(t *testing.T) {
	for _, rawURL := range []string{"mem:", "mem://"} {
		m, err := lease.Open(t.Context(), rawURL)
		require.NoError(t, err, rawURL)
		acquire(t, m, "x", "a")
		wantHeldBy(t, m, "x", "a")
	}
	for rawURL, says := range map[string]string{
		"mem://place":   "use mem: alone",
		"mem:place":     "use mem: alone",
		"mem:///place":  "use mem: alone",
		"mem:?size=7":   `"size"`,
		"mem:?a=%zz":    "query",
		"mem:?a=1&a=2":  `"a"`,
		"memory:":       "mem",
		"dynamodb://xy": "lease/dynamodb",
	} {
		m, err := lease.Open(t.Context(), rawURL)
		assert.Nil(t, m, rawURL)
		require.ErrorIs(t, err, lease.ErrMisconfigured, rawURL)
		assert.ErrorContains(t, err, says, rawURL)
	}
}
