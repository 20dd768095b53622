package leader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// One stuck observer starves no other.
func TestObserver_OneIsStuck(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var states int
		a := w.node("a", leader.WithObserver(func(leader.Event) { <-block }), leader.WithObserver(func(e leader.Event) {
			if _, ok := e.(leader.StateEvent); ok {
				states++
			}
		})).run()
		a.leads()
		require.NoError(t, a.StepDown(context.Background()))
		synctest.Wait()
		assert.Equal(t, 4, states, "standby, leading, stopping, standby")
		close(block)
	})
}

// A callback that one Run left behind does not overlap those of the next, and what it was not told yet comes first.
func TestCallbacks_LeftBehindByAnEarlierRun(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var blocking atomic.Bool
		var inside, most atomic.Int32
		enter := func() {
			most.Store(max(most.Load(), inside.Add(1)))
			if blocking.Load() {
				<-block
			}
			inside.Add(-1)
		}
		var told []bool
		var beats, observed, asked, mostBeats, mostObserved, mostAsked atomic.Int32
		once := func(n, most *atomic.Int32) func() {
			return func() {
				most.Store(max(most.Load(), n.Add(1)))
				if blocking.Load() {
					<-block
				}
				n.Add(-1)
			}
		}
		beat, observe, health := once(&beats, &mostBeats), once(&observed, &mostObserved), once(&asked, &mostAsked)
		a := w.node("a", leader.WhenElected(func(isLeader bool) { told = append(told, isLeader); enter() }),
			leader.WithObserver(func(leader.Event) { observe() }),
			leader.WithHeartbeat(time.Second, func(context.Context, bool) error { beat(); return nil }),
			leader.WithHealth(func(context.Context) error { health(); return nil }, leader.After(1000)))
		a.run().leads()
		time.Sleep(every - time.Second/2)
		blocking.Store(true)
		time.Sleep(every)
		require.NoError(t, a.stop())
		a.run()
		time.Sleep(time.Minute)
		blocking.Store(false)
		close(block)
		a.leads()
		time.Sleep(time.Minute)
		require.NoError(t, a.stop())
		for what, most := range map[string]*atomic.Int32{"WhenElected": &most, "the heartbeat": &mostBeats, "an observer": &mostObserved, "the check": &mostAsked} {
			assert.EqualValues(t, 1, most.Load(), "%s overlaps itself", what)
		}
		for i, isLeader := range told {
			assert.Equal(t, i%2 == 0, isLeader, "in order: %v", told)
		}
		assert.Empty(t, len(told)%2)
	})
}

// A callback that ends its goroutine, as an assertion in a test does, ends no other callback, and nothing silently.
func TestCallbacks_Goexit(t *testing.T) {
	exit := func() { runtime.Goexit() }
	t.Run("observer", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var events int
			a := w.node("a", leader.WithObserver(func(leader.Event) { events++; exit() })).run()
			a.leads()
			synctest.Wait()
			assert.GreaterOrEqual(t, events, 3, "it is told on")
			require.NoError(t, a.stop())
		})
	})
	t.Run("WhenElected", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var out bytes.Buffer
			var told []bool
			a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
				leader.WhenElected(func(isLeader bool) { told = append(told, isLeader); exit() })).run()
			a.leads()
			require.NoError(t, a.stop())
			assert.Equal(t, []bool{true, false}, told)
			assert.Contains(t, out.String(), "level=ERROR")
			assert.Contains(t, out.String(), "callback=WhenElected")
		})
	})
	t.Run("heartbeat", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a", leader.WithHeartbeat(time.Second, func(context.Context, bool) error { exit(); return nil }))
			assert.ErrorContains(t, a.Run(a.context()), "Goexit", "it ends Run, as an error does")
		})
	})
	t.Run("health check", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a", leader.WithHealth(func(context.Context) error { exit(); return nil })).run()
			time.Sleep(time.Second)
			assert.ErrorContains(t, a.Status().Health, "Goexit")
		})
	})
}

// What Status and events show is the caller's own: to change it publishes nothing, and races with nobody.
func TestStatus_SharesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		attributes := map[string]string{"addr": "a"}
		a := w.node("a", leader.WithAttributes(attributes), leader.WithObserver(func(e leader.Event) {
			if h, ok := e.(leader.HolderEvent); ok {
				h.Holder.Attributes["addr"] = "event"
			}
		})).run()
		a.leads()
		a.Status().Holder.Attributes["addr"] = "status"
		attributes["addr"] = "option"
		time.Sleep(2 * every)
		assert.Equal(t, "a", w.look().Attributes["addr"])
		assert.Equal(t, "a", a.Status().Holder.Attributes["addr"])
	})
}

// Since is when the state began that Status says, also of a term that has run out before anybody told.
func TestStatus_SinceOfATermThatRanOut(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		a.machine.Suspend()
		time.Sleep(length)
		a.machine.Resume()
		seen := a.Status()
		assert.Equal(t, leader.Stopping, seen.State)
		assert.Equal(t, a.machine.Now(), seen.Since)
	})
}

// A lease that is lost while its work drains is told by an event, and after a panic the events say so.
func TestObserver_Causes(t *testing.T) {
	states := func(to *[]leader.StateEvent) leader.Option {
		return leader.WithObserver(func(e leader.Event) {
			if s, ok := e.(leader.StateEvent); ok {
				*to = append(*to, s)
			}
		})
	}
	t.Run("lost while it drains", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var got []leader.StateEvent
			a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Minute); return nil }, states(&got))
			a.run().leads()
			why := errors.New("deploy")
			a.cancel(why)
			a.link.set(cut)
			assert.NoError(t, <-a.result)
			require.Len(t, got, 5)
			assert.Equal(t, why, got[2].Cause)
			assert.Equal(t, []leader.State{leader.Stopping, leader.Stopping}, []leader.State{got[3].From, got[3].To})
			assert.ErrorIs(t, got[3].Cause, lease.ErrLost)
			assert.Equal(t, leader.Idle, got[4].To)
		})
	})
	t.Run("panic", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var got []leader.StateEvent
			a := w.node("a", quiet(), leader.WhenStarted(func(context.Context) error { panic("oh no") }), states(&got))
			assert.Panics(t, func() { _ = a.Run(a.context()) })
			require.NotEmpty(t, got)
			assert.Equal(t, leader.Idle, got[len(got)-1].To)
			assert.ErrorContains(t, got[len(got)-1].Cause, "oh no")
		})
	})
}

// A trouble that lasts is told when it begins, a few times, and when it ends; and one lost lease is one warning.
func TestLogger_SaysATroubleOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		a.leads()
		w.force("other", true)
		a.leads()
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(out.String(), "level=WARN"), out.String())
		require.NoError(t, a.stop())
		out.Reset()

		w.force("other", false)
		b := w.node("b", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		time.Sleep(every)
		b.link.set(cut)
		time.Sleep(time.Hour)
		b.link.set(nil)
		time.Sleep(2 * every)
		synctest.Wait()
		warnings := strings.Count(out.String(), "level=WARN")
		assert.LessOrEqual(t, warnings, 8, out.String())
		assert.GreaterOrEqual(t, warnings, 4)
		assert.Contains(t, out.String(), `msg="the store answers again"`)
		assert.Contains(t, out.String(), "for=1m")
	})
}

// A leader within another's work: each hears of its own ends only.
func TestNested(t *testing.T) {
	sick := errors.New("the outer is sick")
	inWorld(t, func(w *world) {
		inner := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLeaseName("inner"), quiet(),
			leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }))
		var got, once error
		begun := time.Now()
		outer := w.nodeDoing("outer", func(ctx context.Context) error {
			got = inner.Run(ctx)
			return nil
		}, leader.WithHeartbeat(time.Second, func(context.Context, bool) error {
			if time.Since(begun) > time.Minute {
				return sick
			}
			return nil
		}))
		assert.Equal(t, sick, outer.Run(outer.context()))
		assert.NoError(t, got, "to the inner, it is ctx that ended")

		begun = time.Now()
		other := w.nodeDoing("other", func(ctx context.Context) error {
			once = inner.RunOnce(ctx)
			return nil
		})
		other.run()
		time.Sleep(time.Minute)
		require.ErrorIs(t, inner.Status().Term.Check(), nil)
		w.force("somebody", false)
		<-other.stopped
		assert.ErrorIs(t, once, lease.ErrLost)
		synctest.Wait()
	})
	inWorld(t, func(w *world) { // StepDown of the outer, from the inner's work
		var outer *node
		inner := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLeaseName("inner"), quiet(),
			leader.WhenStarted(func(ctx context.Context) error {
				assert.NoError(t, outer.StepDown(ctx), "it does not wait for itself")
				<-ctx.Done()
				return ctx.Err()
			}))
		outer = w.nodeDoing("outer", inner.Run)
		outer.run().leads()
		assert.ErrorIs(t, <-outer.stopped, leader.ErrStepDown)
	})
}

// A nil in any guise is refused, and nothing panics.
func TestOptions_TypedNil(t *testing.T) {
	var none *memory.Manager
	err := leader.New(leader.WithLeaseManager(none), leader.WhenStarted(func(context.Context) error { return nil }), leader.WithHealth(func(context.Context) error { return nil }, nil)).Run(t.Context())
	assert.ErrorContains(t, err, "WithLeaseManager: the manager is nil")
	assert.ErrorContains(t, err, "WithHealth")
}

// A number that has lost its unit is refused, with what helps.
func TestOptions_Units(t *testing.T) {
	work := leader.WhenStarted(func(context.Context) error { return nil })
	for name, opt := range map[string]leader.Option{
		"WithLeaseLength": leader.WithLeaseLength(15), "WithRenewEvery": leader.WithRenewEvery(5000), "WithAcquireEvery": leader.WithAcquireEvery(5),
		"WithStopMargin": leader.WithStopMargin(1), "WithStopTimeout": leader.WithStopTimeout(30), "WithEndTimeout": leader.WithEndTimeout(5),
		"WithHoldAtLeast": leader.WithHoldAtLeast(60),
		"WithHeartbeat":   leader.WithHeartbeat(30, func(context.Context, bool) error { return nil }),
	} {
		err := leader.New(work, opt).Run(t.Context())
		require.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, "a number without a unit is nanoseconds: write 15*time.Second")
	}
	assert.ErrorContains(t, leader.New(work, leader.WithEndTimeout(0)).Run(t.Context()), "WithEndTimeout: the interval 0s is not positive")
}
