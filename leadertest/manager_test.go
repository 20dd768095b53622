package leadertest_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
	"github.com/cloudlease/leader/lease/memory"
)

// Without faults it is a manager like any other, also of leases that were forgotten, and above another of its kind.
func TestManagerKeepsTheRules(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *leadertest.Manager{
		"on nil":             func() *leadertest.Manager { return leadertest.NewManager(nil) },
		"on a nil pointer":   func() *leadertest.Manager { return leadertest.NewManager((*memory.Manager)(nil)) },
		"on a manager":       func() *leadertest.Manager { return leadertest.NewManager(memory.New()) },
		"on another Manager": func() *leadertest.Manager { return leadertest.NewManager(leadertest.NewManager(nil)) },
		"after its faults": func() *leadertest.Manager {
			m := leadertest.NewManager(nil)
			m.Set(leadertest.CutOff)
			m.Set(leadertest.None)
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			leasetest.TestManager(t, leasetest.Harness{Virtual: true, Open: func(testing.TB) leasetest.Place {
				m := make()
				return leasetest.Place{
					Manager: func() lease.Manager { return m },
					Delete:  func(_ context.Context, name string) error { m.Forget(name); return nil },
				}
			}})
		})
	}
}

const length = 15 * time.Second

func request(holder string) lease.Request {
	return lease.Request{Name: "orders", Holder: holder, Length: length, Heeds: []string{lease.WishHandover}}
}

func acquire(t *testing.T, m lease.Manager, holder string) lease.Lease {
	t.Helper()
	held, err := m.Acquire(t.Context(), request(holder))
	require.NoError(t, err)
	return held
}

// ops are all kinds of requests.
var ops = map[leadertest.Op]func(ctx context.Context, m lease.Manager, held lease.Lease) error{
	leadertest.Acquire: func(ctx context.Context, m lease.Manager, _ lease.Lease) error {
		_, err := m.Acquire(ctx, lease.Request{Name: "another", Holder: "b", Length: length})
		return err
	},
	leadertest.Renew: func(ctx context.Context, m lease.Manager, held lease.Lease) error {
		_, err := m.Renew(ctx, held)
		return err
	},
	leadertest.Release: func(ctx context.Context, m lease.Manager, held lease.Lease) error { return m.Release(ctx, held) },
	leadertest.Inspect: func(ctx context.Context, m lease.Manager, held lease.Lease) error {
		_, err := lease.Inspect(ctx, m, held.Name)
		for _, failed := range lease.List(ctx, m, "") {
			if (failed == nil) != (err == nil) {
				return failed
			}
		}
		return err
	},
	leadertest.Break: func(ctx context.Context, m lease.Manager, held lease.Lease) error {
		return lease.Break(ctx, m, lease.Info{Name: held.Name, ID: held.ID})
	},
	leadertest.Ask: func(ctx context.Context, m lease.Manager, held lease.Lease) error {
		seen := lease.Info{Name: held.Name, ID: held.ID, Token: held.Token, Wish: handover}
		asked, withdrawn := lease.Ask(ctx, m, seen, handover), lease.Withdraw(ctx, m, seen)
		if (asked == nil) != (withdrawn == nil) {
			return fmt.Errorf("asked: %v, withdrawn: %v", asked, withdrawn)
		}
		return asked
	},
}

var handover = lease.Wish{Kind: lease.WishHandover, For: "b", By: "test"}

// Each fault hits each kind of request, alone or with all others, until it is over; and does to the store what it says.
func TestFaults(t *testing.T) {
	for op, do := range ops {
		for fault, reaches := range map[leadertest.Fault]bool{leadertest.CutOff: false, leadertest.Hang: false, leadertest.LoseAnswers: true} {
			t.Run(string(op), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := memory.New()
					m := leadertest.NewManager(store)
					held := acquire(t, m, "a")
					for other := range ops {
						if other != op {
							m.Set(fault, other)
						}
					}
					before := look(t, store)
					require.NoError(t, do(t.Context(), leadertest.NewManager(m), held), "its own kind is well")
					if op != leadertest.Inspect && op != leadertest.Acquire {
						require.NotEqual(t, before, look(t, store))
						m.Set(leadertest.None)
						time.Sleep(length)
						held = acquire(t, m, "a")
					}

					m.Set(leadertest.None)
					m.Set(fault, op)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					began, seen := time.Now(), look(t, store)
					require.ErrorIs(t, do(ctx, m, held), leadertest.ErrFault)
					if fault == leadertest.Hang {
						require.Equal(t, time.Second, time.Since(began))
						require.ErrorIs(t, do(ctx, m, held), context.DeadlineExceeded)
					} else {
						require.Zero(t, time.Since(began))
					}
					if op != leadertest.Inspect && op != leadertest.Acquire {
						require.Equal(t, reaches, seen != look(t, store), "the store: %v, %v", seen, look(t, store))
					}
				})
			})
		}
	}
}

// look returns the lease as the store has it.
func look(t *testing.T, m lease.Manager) string {
	info, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	return info.State.String() + " " + string(info.Version) + " " + info.ID
}

// An acquisition whose answer is lost is nobody's, and is given back.
func TestLostAcquisition(t *testing.T) {
	m := leadertest.NewManager(nil)
	m.Set(leadertest.LoseAnswers, leadertest.Acquire)
	_, err := m.Acquire(t.Context(), request("a"))
	require.ErrorIs(t, err, leadertest.ErrFault)
	m.Set(leadertest.None)
	require.EqualValues(t, 2, acquire(t, m, "b").Token)
	m.Set(leadertest.LoseAnswers)
	_, err = m.Acquire(t.Context(), request("a"))
	require.ErrorIs(t, err, leadertest.ErrFault, "also of one that is held")
	require.NotErrorIs(t, err, lease.ErrHeld)
}

func TestForget(t *testing.T) {
	below := memory.New()
	m := leadertest.NewManager(below)
	first := acquire(t, m, "a")
	other, err := m.Acquire(t.Context(), lease.Request{Name: "other", Holder: "a", Length: length})
	require.NoError(t, err)
	for range 2 {
		m.Forget("orders")
		info, err := lease.Inspect(t.Context(), m, "orders")
		require.NoError(t, err)
		require.Equal(t, lease.Info{Name: "orders", State: lease.Free}, info)
		require.EqualError(t, renewal(t, m, first), `lease "orders" with token 1 is lost: its record is gone`)
		require.EqualError(t, m.Release(t.Context(), first), `lease "orders" with token 1 is lost: its record is gone`)
		second := acquire(t, m, "b")
		require.EqualValues(t, 1, second.Token, "tokens begin again")
		require.Equal(t, "orders", second.Name)
		require.EqualError(t, renewal(t, m, first), `lease "orders" with token 1 is lost: "b" holds it with token 1`)
		require.ErrorIs(t, m.Release(t.Context(), first), lease.ErrLost)
		require.NoError(t, renewal(t, m, second))
		_, err = m.Acquire(t.Context(), request("c"))
		require.EqualError(t, err, `lease "orders" is held by "b" with token 1`)
		var names []string
		for info, err := range lease.List(t.Context(), m, "o") {
			require.NoError(t, err)
			names = append(names, info.Name)
		}
		slices.Sort(names)
		require.Equal(t, []string{"orders", "other"}, names)
		info, err = lease.Inspect(t.Context(), m, "orders")
		require.NoError(t, err)
		require.NoError(t, lease.Break(t.Context(), m, info))
		require.EqualError(t, renewal(t, m, second), `lease "orders" with token 1 is lost: "nobody" holds it with token 2`)
		first = second
	}
	require.NoError(t, renewal(t, m, other), "of another name")
}

func renewal(t *testing.T, m lease.Manager, held lease.Lease) error {
	renewed, err := m.Renew(t.Context(), held)
	if err == nil {
		require.Equal(t, held.Name, renewed.Name)
	}
	return err
}

// What a leader makes of each fault, in virtual time: this is how users write it.
func TestLeaderUnderFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := leadertest.NewManager(nil)
		toA, toB := leadertest.NewManager(store), leadertest.NewManager(store)
		a, b := node("a", toA), node("b", toB)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		go func() { ended <- b.Run(ctx) }()

		for _, fault := range []leadertest.Fault{leadertest.CutOff, leadertest.Hang} {
			toA.Set(fault)
			time.Sleep(2 * length)
			require.Equal(t, leader.Standby, a.Status().State)
			require.Equal(t, leader.Leading, b.Status().State)
			toA.Set(leadertest.None)
			require.NoError(t, b.StepDown(ctx))
			time.Sleep(length)
			require.Equal(t, leader.Leading, a.Status().State)
		}

		token := a.Status().Term.Token()
		toA.Set(leadertest.LoseAnswers, leadertest.Renew)
		time.Sleep(length / 2)
		toA.Set(leadertest.None)
		time.Sleep(time.Hour)
		require.Equal(t, leader.Leading, a.Status().State, "an unclear answer is not a lost lease")
		require.Equal(t, token, a.Status().Term.Token())

		store.Forget("orders")
		time.Sleep(length)
		require.EqualValues(t, 1, a.Status().Seen.Token, "of the node that came first")
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
	})
}

func node(name string, m lease.Manager) *leader.Leader {
	return leader.New(leader.WithLeaseManager(m), leader.WithLeaseName("orders"), leader.WithNodeID(name),
		leader.WithLeaseLength(length), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }))
}
