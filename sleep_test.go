package leader_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// R3: the machine of the leader sleeps for longer than its lease. Its monotonic clock does not know; its first Check
// after waking does, before any timer has run.
func TestR3_SuspendedLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.node("a").run(), w.node("b")
		term := a.leads()
		b.run()
		time.Sleep(time.Minute)
		a.machine.Suspend()
		b.leads()
		a.machine.Resume()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		woke := time.Now()
		cause := <-a.stopped
		assert.LessOrEqual(t, time.Since(woke), time.Second)
		assert.ErrorIs(t, cause, lease.ErrLost)
		time.Sleep(time.Hour)
		assert.Empty(t, a.started, "b leads on")
	})
}

// R3's counterexample: the wall clock is stepped back, and then the machine sleeps for as long. One difference over the
// whole time would show that nothing has passed.
func TestR3_WallClockSteppedBackBeforeASleep(t *testing.T) {
	inWorld(t, func(w *world) {
		const nap = time.Hour
		a := w.node("a").run()
		term := a.leads()
		b := w.node("b").run()
		time.Sleep(every + time.Second)
		a.machine.StepWall(-nap)
		time.Sleep(2 * time.Second)
		a.machine.Suspend()
		time.Sleep(nap)
		a.machine.Resume()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		b.leads()
	})
}

// R1, R3: wall clocks that step by hours change nothing for anybody who has a clock that counts suspension, but that a step
// ahead may end a term early.
func TestR3_SteppingWallClocks(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.node("a"), w.node("b")
		a.machine, b.machine = hosttest.New(true), hosttest.New(true)
		a.machine.StepWall(-7 * time.Hour)
		b.machine.StepWall(5 * time.Hour)
		a.run().leads()
		b.run()
		for range 50 {
			time.Sleep(7 * time.Second)
			a.machine.StepWall(-time.Hour)
			b.machine.StepWall(3 * time.Hour)
			time.Sleep(7 * time.Second)
			b.machine.StepWall(-4 * time.Hour)
		}
		assert.Empty(t, a.stopped, "%s", w.story())
		assert.Empty(t, b.started)
		a.machine.StepWall(time.Hour) // this may have been a sleep
		lost, ok := errors.AsType[*lease.LostError](<-a.stopped)
		require.True(t, ok)
		assert.Equal(t, lease.LostExpired, lost.Reason)
	})
}

// R1: a standby that sleeps does not count its sleep.
func TestR1_SuspendedStandby(t *testing.T) {
	inWorld(t, func(w *world) {
		gone := w.node("gone")
		_, err := gone.manager.Acquire(gone.context(), lease.Request{Name: anyName, Holder: "gone", Length: length})
		require.NoError(t, err)
		b := w.node("b").run()
		time.Sleep(time.Second)
		b.machine.Suspend()
		time.Sleep(time.Hour)
		b.machine.Resume()
		woke := time.Now()
		b.leads()
		assert.GreaterOrEqual(t, time.Since(woke), length-time.Second)
		assert.LessOrEqual(t, time.Since(woke), length)
	})
}

// A leader that sleeps within a request: the answer tells of a renewal, but it was sent long ago.
func TestR3_SuspendedWithinARequest(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		term := a.leads()
		b := w.node("b")
		a.link.set(func(q request) {
			q.send()
			a.machine.Suspend() // the answer is on its way
		})
		time.Sleep(every)
		synctest.Wait()
		b.run().leads()
		a.link.set(nil)
		a.machine.Resume()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		synctest.Wait()
		assert.ErrorIs(t, term.Check(), lease.ErrLost, "R8: the answer revives nothing")
		<-a.stopped
	})
}

// The same within one request: a holder that waits for an answer goes on sampling its clocks, and the term ends in time.
func TestR3_WallClockSteppedBackWithinARequest(t *testing.T) {
	const nap = 3 * time.Second
	for name, write := range map[string]int32{"acquisition": 1, "renewal": 2} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a")
				var writes atomic.Int32
				var sent time.Time
				a.link.set(func(q request) {
					if q.op != "swap" || writes.Add(1) < write {
						q.send()
						return
					}
					if writes.Load() > write {
						cut(q)
						return
					}
					sent = time.Now()
					q.send()
					a.machine.StepWall(-nap)
					time.Sleep(1100 * time.Millisecond) // a sample is taken meanwhile
					time.AfterFunc(nap, a.machine.Resume)
					a.machine.Suspend()
				})
				a.run()
				if name == "acquisition" { // nobody can tell any more how long ago it was asked for
					time.Sleep(length)
					assert.Empty(t, a.started)
					return
				}
				a.leads()
				<-a.stopped
				assert.LessOrEqual(t, time.Since(sent), usable, "by a true clock")
			})
		})
	}
}

// A work that flushes while its machine sleeps must not be released early, nor hold the lease in its sleep.
func TestR3_SuspendedWhileItStops(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		})
		a.run()
		term := a.leads()
		b := w.node("b").run()
		a.cancel(nil)
		time.Sleep(time.Second)
		a.machine.Suspend()
		b.leads()
		a.machine.Resume()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		assert.NoError(t, <-a.result)
		assert.Equal(t, "b", w.look().Holder, "R6: its release took nothing away")
		assert.Equal(t, lease.Held, w.look().State)
	})
}

// R3: renewals are due by the count that the deadline goes by. A machine that slept for most of an interval, or whose wall
// clock was stepped, renews as soon as it wakes with time left: also if the request that was under way is lost.
func TestR3_RenewsOnWaking(t *testing.T) {
	for name, asleep := range map[string]func(m *hosttest.Machine){
		"sleep": func(m *hosttest.Machine) {
			m.Suspend()
			time.Sleep(9 * time.Second)
			m.Resume()
		},
		"wall clock stepped": func(m *hosttest.Machine) { m.StepWall(9 * time.Second) },
	} {
		for _, inFlight := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/request in flight %v", name, inFlight), func(t *testing.T) {
				inWorld(t, func(w *world) {
					a := w.node("a").run()
					a.leads()
					if inFlight {
						time.Sleep(every - time.Millisecond)
						var hung atomic.Bool
						a.link.set(func(q request) {
							if hung.CompareAndSwap(false, true) {
								hang(q)
								return
							}
							q.send()
						})
						time.Sleep(10 * time.Millisecond)
					} else {
						time.Sleep(100 * time.Millisecond)
					}
					if inFlight { // of 13.5 s, 5 have passed already
						a.machine.Suspend()
						time.Sleep(6 * time.Second)
						a.machine.Resume()
					} else {
						asleep(a.machine)
					}
					_, before := a.link.counts()
					time.Sleep(1100 * time.Millisecond)
					_, after := a.link.counts()
					assert.Positive(t, after-before, "it renews at once")
					time.Sleep(time.Minute)
					assert.Empty(t, a.stopped, "and keeps its lease: %s", w.story())
				})
			})
		}
	}
}
