package leader_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// heldForEver is a manager, not one of this project, by which somebody else always holds the lease. It answers at once.
type heldForEver struct {
	lease.Manager
	seen lease.Info
	asks int
	most int
	over context.CancelFunc // called when it is asked more often
}

func (m *heldForEver) look() lease.Info {
	if m.asks++; m.asks > m.most {
		m.over()
	}
	return m.seen
}

func (m *heldForEver) Acquire(context.Context, lease.Request) (lease.Lease, error) {
	return lease.Lease{}, &lease.HeldError{Info: m.look()}
}

func (m *heldForEver) Inspect(context.Context, string) (lease.Info, error) {
	return m.look(), nil
}

// Whatever a manager says about when to ask again, it is not asked without pause (C1).
func TestLooks_HintsThatAreNotTrue(t *testing.T) {
	spans := []time.Duration{math.MinInt64, 0, 1, every, math.MaxInt64}
	calls := map[string]func(*leader.Leader, context.Context) error{
		"Run": (*leader.Leader).Run, "RunOnce": (*leader.Leader).RunOnce,
		"Acquire": func(l *leader.Leader, ctx context.Context) error { _, err := l.Acquire(ctx); return err },
	}
	for call, run := range calls {
		for i := range len(spans) * len(spans) * len(spans) {
			retry, look, renew := spans[i%len(spans)], spans[i/len(spans)%len(spans)], spans[i/len(spans)/len(spans)]
			t.Run(fmt.Sprintf("%s/retry %v, look %v, renew %v", call, retry, look, renew), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const intervals = 100
					ctx, cancel := context.WithTimeout(t.Context(), intervals*every)
					defer cancel()
					m := &heldForEver{most: 20 * intervals, over: cancel, seen: lease.Info{Name: anyName, State: lease.Held, Holder: "x", ID: "1", Token: 1, Version: "1", Length: length,
						RetryAfter: retry, LookAfter: look, RenewEvery: renew}}
					opts := []leader.Option{leader.WithLeaseManager(m), quiet(), leader.WithLeaseLength(length)}
					if call != "Acquire" {
						opts = append(opts, leader.WhenStarted(func(context.Context) error { return nil }))
					}
					_ = run(leader.New(opts...), ctx)
					require.LessOrEqual(t, m.asks, m.most)
				})
			})
		}
	}
}

// A record of somebody else's may have a length that doubles to less than nothing. RunOnce goes on after a look that failed.
func TestRunOnce_WatchesALongLease(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := lease.NewManager(w.store).Acquire(t.Context(), lease.Request{Name: anyName, Holder: "long", Length: math.MaxInt64})
		require.NoError(t, err)
		a := w.node("a").runsOnce()
		time.Sleep(time.Second)
		a.link.set(cut)
		time.Sleep(every)
		a.link.set(nil)
		select {
		case err := <-a.result:
			t.Error(err)
		case <-time.After(time.Hour):
		}
	})
}

// A heartbeat that does not return costs a goroutine, not one for each run after it. Calls do not overlap.
func TestHeartbeat_StuckOverManyRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		calls, goOn := 0, make(chan struct{})
		a := w.nodeDoing("a", func(context.Context) error { time.Sleep(time.Second); return nil },
			leader.WithHeartbeat(100*time.Millisecond, func(context.Context, bool) error {
				if calls++; calls == 1 {
					<-goOn
				}
				return errors.New("enough")
			}))
		for range 20 {
			require.NoError(t, a.RunOnce(a.context()))
		}
		stacks := make([]byte, 8<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		require.LessOrEqual(t, strings.Count(string(stacks), "created by github.com/cloudlease/leader.(*run).startHeartbeat"), 3)
		require.Equal(t, 1, calls)
		close(goOn)
		synctest.Wait()
		require.ErrorContains(t, a.RunOnce(a.context()), "enough")
		require.Equal(t, 2, calls)
	})
}

// Nor do requests to a lease manager that never return pile up, run after run.
func TestRunOnce_StuckOverManyRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.node("a")
		a.link.set(func(q request) { <-goOn; *q.err = errLost })
		for range 20 {
			require.Error(t, a.RunOnce(a.context()))
		}
		stacks := make([]byte, 8<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		require.LessOrEqual(t, strings.Count(string(stacks), "github.com/cloudlease/leader.begin["), 4)
		require.LessOrEqual(t, strings.Count(string(stacks), "github.com/cloudlease/leader.(*run).acquire"), 8, "that, and who waits to give the lease back")
		close(goOn)
		synctest.Wait()
		a.link.set(nil)
		a.runsOnce().leads()
	})
}

// A work that tries again at once, on a store that refuses at once, brings nothing forward of what follows from a failure (R4).
func TestSetValue_AfterAFailure(t *testing.T) {
	for name, set := range map[string]func(ctx context.Context) error{
		"value":      func(ctx context.Context) error { return leader.SetValue(ctx, "x") },
		"attributes": func(ctx context.Context) error { return leader.SetAttributes(ctx, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, works := w.keeper("a")
				ctx := <-worksOf(a, works)
				_, before := a.link.counts()
				const most = 50
				a.link.set(func(q request) {
					if _, now := a.link.counts(); now-before >= most {
						a.link.set(nil) // this ends
					}
					cut(q)
				})
				for err := set(ctx); err != nil && !errors.Is(err, lease.ErrLost); {
					err = set(ctx)
				}
				_, after := a.link.counts()
				require.Less(t, after-before, most)
			})
		})
	}
}

// slowToLook is a store whose answer to a look takes most of a renew interval, and that may be written to once a second. It notes when it is
// written to.
type slowToLook struct {
	seldom
	written []time.Time
}

func (s *slowToLook) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	time.Sleep(every - every/8)
	return s.seldom.Load(ctx, name)
}

func (s *slowToLook) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	s.written = append(s.written, time.Now())
	return s.seldom.Swap(ctx, name, old, data)
}

// WriteEvery counts from the acquisition's write, however long ago the lease was asked for (C1).
func TestRenewal_AfterASlowAcquisition(t *testing.T) {
	inWorld(t, func(w *world) {
		store := &slowToLook{seldom: seldom{Store: memory.NewStore()}}
		w.node("a", leader.WithLeaseManager(lease.NewManager(store))).run().leads()
		time.Sleep(2 * length)
		synctest.Wait()
		require.Greater(t, len(store.written), 5)
		for i, at := range store.written[1:] {
			require.GreaterOrEqual(t, at.Sub(store.written[i]), time.Second)
		}
	})
}
