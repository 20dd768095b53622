package lease_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// far is a store some milliseconds away.
type far struct {
	ageless
	loads, conflicts *atomic.Int64
}

func (f far) trip() { time.Sleep(time.Millisecond + random(10*time.Millisecond)) }

func (f far) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	f.loads.Add(1)
	f.trip()
	defer f.trip()
	return f.ageless.Load(ctx, name)
}

func (f far) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	f.trip()
	defer f.trip()
	version, err := f.ageless.Swap(ctx, name, old, data)
	if errors.Is(err, lease.ErrConflict) {
		f.conflicts.Add(1)
	}
	return version, err
}

const renewEvery = length / 3

func inFleet(ctx context.Context) context.Context { return host.With(ctx, hosttest.New(true)) }

// standBy asks until it has the lease, as a leader does at its default intervals.
func standBy(ctx context.Context, m lease.Manager, every time.Duration) (lease.Lease, bool) {
	for ctx.Err() == nil {
		l, err := m.Acquire(ctx, lease.Request{Name: name, Holder: "w", Length: length, RenewEvery: renewEvery})
		if err == nil {
			return l, true
		}
		wait := every - random(every/16)
		if by, ok := errors.AsType[*lease.HeldError](err); ok {
			if best := by.Info.LookAfter; best > 0 && best <= every {
				wait = best
			}
			if free := by.Info.RetryAfter; free > 0 {
				wait = min(wait, free)
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return lease.Lease{}, false
}

// hold renews at whole intervals after the lease was asked for, as a leader does.
func hold(ctx context.Context, m lease.Manager, l lease.Lease, d time.Duration) lease.Lease {
	began := time.Now()
	for next := began.Add(renewEvery); next.Sub(began) < d; next = next.Add(renewEvery) {
		time.Sleep(time.Until(next))
		if renewed, err := m.Renew(ctx, l); err == nil {
			l = renewed
		}
	}
	time.Sleep(time.Until(began.Add(d)))
	return l
}

// A standby that has never seen the holder before looks just after its next renewal, and after each that follows, and asks
// once in an interval.
func TestAStandbyIsInStepFromItsFirstLook(t *testing.T) {
	early, looks := 0, 0
	defer func() { require.LessOrEqual(t, early, looks/20, "of all looks, that came too early") }()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			store := far{ageless{memory.NewStore()}, &atomic.Int64{}, &atomic.Int64{}}
			holder, standby := lease.NewManager(store), lease.NewManager(store)
			ctx := inFleet(t.Context())
			l, err := holder.Acquire(ctx, lease.Request{Name: name, Holder: "w", Length: length, RenewEvery: renewEvery})
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				hold(ctx, holder, l, time.Minute)
				close(done)
			}()
			time.Sleep(random(2 * renewEvery))
			look := func() lease.Info {
				info, err := lease.Inspect(ctx, standby, name)
				require.NoError(t, err)
				return info
			}
			info := look()
			defer func() { looks += 10 }()
			for i := range 10 {
				require.Positive(t, info.LookAfter, "look %d", i)
				require.LessOrEqual(t, info.LookAfter, renewEvery+renewEvery/8)
				time.Sleep(info.LookAfter)
				before := info
				info = look()
				if before.Renewed.Equal(info.Renewed) { // the renewal took longer than those before: then the next look comes soon
					early++
					require.LessOrEqual(t, info.LookAfter, renewEvery/8, "look %d came too early", i)
					continue
				}
				require.LessOrEqual(t, time.Since(info.Renewed), renewEvery/8+60*time.Millisecond, "look %d came too late", i)
			}
			<-done
		})
	}
}

// The hint is no more than one: who says nonsense leads nobody to look more often, or to wait for longer than a lease.
func TestAHintIsOnlyAHint(t *testing.T) {
	for what, every := range map[string]time.Duration{
		"a nanosecond": 1, "longer than the lease": 2 * length, "for ever": 1<<63 - 1, "all of the lease": length,
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cells := memory.NewStore()
				_, err := lease.NewManager(cells).Acquire(t.Context(), lease.Request{Name: name, Holder: "w", Length: length, RenewEvery: every})
				require.NoError(t, err)
				standby := newNode(t.Context(), cells)
				for range 10 {
					info := standby.inspect(t)
					require.GreaterOrEqual(t, info.LookAfter, time.Duration(0))
					require.LessOrEqual(t, info.LookAfter, 2*length)
					time.Sleep(time.Duration(rand.Int64N(int64(length / 20))))
				}
			})
		})
	}
}
