package doctor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// ageless is a store that cannot tell how old a record is.
type ageless struct{ lease.Store }

func (s ageless) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := s.Store.Load(ctx, name)
	snapshot.Age = 0
	return snapshot, err
}

// cut is a manager that answers nothing after the first acquisition, as if the process had been killed then.
type cut struct {
	lease.Manager
	off *atomic.Bool
}

var errCut = errors.New("cut off")

func (m cut) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	if m.off.Swap(true) {
		return lease.Lease{}, errCut
	}
	return m.Manager.Acquire(ctx, r)
}

func (m cut) Renew(context.Context, lease.Lease) (lease.Lease, error) { return lease.Lease{}, errCut }
func (m cut) Release(context.Context, lease.Lease) error              { return errCut }

func (m cut) Inspect(ctx context.Context, name string) (lease.Info, error) {
	return lease.Inspect(ctx, m.Manager, name)
}

// After a doctor that was killed, the next one waits until the lease has run out, whatever length leaders are to have, and tries all.
func TestAfterADoctorThatWasKilled(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]lease.Store{"a store that tells of age": memory.NewStore(), "one that does not": ageless{memory.NewStore()}} {
		skipped := []string{"first"}
		if _, lists := store.(lease.Lister); !lists {
			skipped = []string{"below", "first"}
		}
		for _, broken := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					Check(t.Context(), cut{lease.NewManager(store), new(atomic.Bool)}, WithLeaseLength(24*time.Hour))
					m := lease.NewManager(store)
					left, err := lease.Inspect(t.Context(), m, Scratch)
					require.NoError(t, err)
					require.Equal(t, lease.Held, left.State)
					require.Equal(t, leader.DefaultLeaseLength, left.Length)
					if broken { // by somebody who would not wait
						require.NoError(t, lease.Break(t.Context(), m, left))
					}
					time.Sleep(10 * time.Second)

					began := time.Now()
					r := Check(t.Context(), lease.NewManager(store), WithLeaseLength(24*time.Hour))
					require.NoError(t, r.Err(), "%+v", r)
					require.Equal(t, skipped, r.all(Skipped))
					require.Less(t, time.Since(began), 20*time.Second)
				})
			})
		}
	}
}

// Two at once would take each other for a store that is not fit.
func TestAnotherDoctorIsAtWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		l, err := m.Acquire(t.Context(), lease.Request{Name: Scratch, Holder: holder(0), Length: leader.DefaultLeaseLength})
		require.NoError(t, err)
		time.AfterFunc(2500*time.Millisecond, func() { _, _ = m.Renew(t.Context(), l) })
		began := time.Now()
		r := Check(t.Context(), m)
		require.Equal(t, 3*time.Second, time.Since(began), "it is known as soon as the other renews")
		wantFailed(t, r, "read")
		require.Contains(t, r.of("read").Detail, "another doctor is at work here")
		require.Equal(t, "wait until that one has ended, then check again, or check with a new lease", r.of("read").Advice)
		require.NoError(t, Check(t.Context(), m, WithNewLease()).Err())

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r = Check(ctx, m)
		require.ErrorContains(t, r.Err(), "failed: read")
		require.Equal(t, again, r.of("read").Advice, "it is not the store's fault")
	})
}

// A lease that somebody else uses under doctor's name, or that a doctor of another kind has taken for long, is not waited for.
func TestTheLeaseIsInUse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		holder         string
		release        bool
		detail, advice string
	}{
		{holder(1), false, `another doctor is at work here, or was killed: lease "leader-doctor" is held, for 1h0m0s`,
			"wait until the lease has run out, then check again, or check with a new lease"},
		{"node-a", false, `"node-a" was the last to take it`, "give that lease another name, or check with a new lease"},
		{"node-a", true, `the lease that doctor tries, "leader-doctor", is in use`, "give that lease another name, or check with a new lease"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, began := memory.New(), time.Now()
			l, err := m.Acquire(t.Context(), lease.Request{Name: Scratch, Holder: test.holder, Length: time.Hour})
			require.NoError(t, err)
			if test.release {
				require.NoError(t, m.Release(t.Context(), l))
			}
			r := Check(t.Context(), m)
			wantFailed(t, r, "read")
			require.Contains(t, r.of("read").Detail, test.detail)
			require.Equal(t, test.advice, r.of("read").Advice)
			require.Equal(t, began, time.Now())
			require.NoError(t, Check(t.Context(), m, WithNewLease()).Err())
		})
	}
}

// slow is a manager whose requests and answers take long on their way.
type slow struct {
	lease.Manager
	before, after map[string]time.Duration // by the holder, or the call
}

func (m slow) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	time.Sleep(m.before[r.Holder])
	defer time.Sleep(m.after[r.Holder])
	return m.Manager.Acquire(ctx, r)
}

func (m slow) Renew(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	time.Sleep(m.before["renew"])
	return m.Manager.Renew(ctx, l)
}

func (m slow) Inspect(ctx context.Context, name string) (lease.Info, error) {
	time.Sleep(m.before["inspect"])
	return lease.Inspect(ctx, m.Manager, name)
}

// On a slow store, the lease that is tried may run out before its holder has done with it. That is no fault of the store's conditions.
func TestTheLeaseRunsOutOnASlowStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]time.Duration{"renew": 9 * time.Second, "inspect": 9 * time.Second}
		r := Check(t.Context(), slow{Manager: memory.New(), before: calls}, WithLeaseLength(90*time.Second), WithSamples(1))
		require.NoError(t, r.Err(), "%+v", r)
		require.Equal(t, Well, r.of("stale").Result)

		late := map[string]time.Duration{holder(0): 9 * time.Second}
		r = Check(t.Context(), slow{memory.New(), map[string]time.Duration{holder(1): 9 * time.Second}, late}, WithSamples(1))
		wantFailed(t, r, "held")
		require.Equal(t, "a second node got the lease 18s after the first had asked for it: by then it had run out, as it was for 15s", r.of("held").Detail)
		require.Equal(t, "use a store that is nearer", r.of("held").Advice)
	})
}

// A number without a unit would fail every check of a good store.
func TestWithTimeout_WithoutAUnit(t *testing.T) {
	r := Check(t.Context(), memory.New(), WithTimeout(5))
	require.False(t, r.OK)
	require.Contains(t, r.Checks[0].Detail, "5ns, is less than 1ms")
	require.Contains(t, r.Checks[0].Advice, "some seconds")
}
