package lease_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// whileAsleep runs the test with a term, and a standby on a machine that falls asleep during its next look at the lease. Four
// seconds before the length is over, it reads the record, and the holder renews it; then the machine sleeps for five seconds,
// and only then the Age of what it has read is taken.
func whileAsleep(t *testing.T, test func(t *testing.T, standby *node, holder *node, renewed func() lease.Lease, term lease.Term)) {
	t.Helper()
	for what, bootClock := range map[string]bool{"with a boot clock": true, "without a boot clock": false} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := hosttest.New(bootClock)
				cells := memory.NewStore()
				holder, standby := newNode(t.Context(), cells), newNode(host.With(t.Context(), m), cells)
				held, written := holder.mustAcquire(t), time.Now()
				ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now(t.Context()))
				defer keeper.End(nil)
				term, _ := lease.TermFrom(ctx)
				time.Sleep(length - 4*time.Second)
				doze := func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
					snapshot, err := read()
					sent := lease.Now(t.Context())
					var renewing error
					held, renewing = holder.renew(held)
					require.NoError(t, renewing)
					keeper.Extend(held, sent)
					suspend(m, 5*time.Second)
					snapshot.Age = time.Since(written)
					return snapshot, err
				}
				standby.scriptLoads(doze)
				standby.store = dozing{ageless{cells}, doze}
				test(t, standby, holder, func() lease.Lease { return held }, term)
			})
		})
	}
}

// dozing is a store whose List is like a Load with the fault.
type dozing struct {
	ageless
	fault loadFault
}

func (d dozing) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for c, err := range d.ageless.List(ctx, prefix) {
			if err == nil {
				c.Snapshot, err = d.fault(ctx, func() (lease.Snapshot, error) { return c.Snapshot, nil })
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// R1: an Age that was read after a sleep has the sleep in it, and the monotonic clock has not. What no write will prove is as old
// as the question all the same.
func TestR1_ASleepDuringALookProvesNothing(t *testing.T) {
	all := map[string]func(t *testing.T, n *node) lease.Info{
		"List": func(t *testing.T, n *node) (only lease.Info) {
			for info, err := range lease.List(n.ctx, n.manager, "") {
				require.NoError(t, err)
				only = info
			}
			return only
		},
		"a look before another is answered": func(t *testing.T, n *node) lease.Info {
			n.mu.Lock()
			doze := n.onLoad[0]
			n.mu.Unlock()
			n.scriptLoads(func(ctx context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
				snapshot, err := read()
				n.scriptLoads(doze)
				n.inspect(t)
				return snapshot, err // it has no Age: the other one has told
			})
			return n.inspect(t)
		},
	}
	for what, look := range looks {
		all[what] = look
	}
	for what, look := range all {
		t.Run(what, func(t *testing.T) {
			whileAsleep(t, func(t *testing.T, standby, _ *node, _ func() lease.Lease, term lease.Term) {
				info := look(t, standby)
				require.NoError(t, term.Check())
				require.Equal(t, lease.Held, info.State)
				require.Equal(t, length-4*time.Second, info.Age)
				require.Equal(t, time.Duration(1), info.RetryAfter, "a write will tell")
				require.Equal(t, length, standby.refused(t).RetryAfter)
			})
		})
	}
}

// Break does not say that nobody holds a lease which its holder has renewed while this machine slept.
func TestBreak_ASleepDuringItsLook(t *testing.T) {
	whileAsleep(t, func(t *testing.T, standby, holder *node, renewed func() lease.Lease, _ lease.Term) {
		seen := holder.inspect(t)
		require.NoError(t, lease.Break(standby.ctx, standby.manager, seen))
		_, err := holder.renew(renewed())
		lost(t, err, lease.LostTaken)
		require.True(t, holder.stored(t).Broken)
	})
}

// A step of the wall clock during a look makes it prove less. The next look tells.
func TestR1_AStepDuringALookProvesLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		cells := memory.NewStore()
		holder, standby := newNode(t.Context(), cells), newNode(host.With(t.Context(), m), cells)
		holder.mustAcquire(t)
		standby.refused(t)
		time.Sleep(length)
		standby.scriptLoads(func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
			m.StepWall(time.Hour)
			return read()
		})
		require.Equal(t, lease.Held, standby.inspect(t).State)
		require.Equal(t, lease.Expired, standby.inspect(t).State)
		standby.scriptLoads(func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
			m.StepWall(-time.Hour)
			return read()
		})
		require.Equal(t, lease.Expired, standby.inspect(t).State)
	})
}
