package leader_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

var errSick = errors.New("sick")

// slowHealth is a check that takes a second, unless its context ends, and answers as the node was when it was asked.
type slowHealth struct {
	sick  atomic.Bool
	asked atomic.Int32
}

func (h *slowHealth) check(ctx context.Context) error {
	h.asked.Add(1)
	sick := h.sick.Load()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if sick {
		return errSick
	}
	return nil
}

// awaitAsked waits until the check of a renewal is in flight.
func (h *slowHealth) awaitAsked() {
	for before := h.asked.Load(); h.asked.Load() == before; {
		time.Sleep(100 * time.Millisecond)
	}
}

// An answer to a question of before, of an earlier run or of an earlier term, says nothing about now.
func TestRun1_HealthIsAskedAnew(t *testing.T) {
	for name, again := range map[string]func(a *node){
		"after a run": func(a *node) {
			require.NoError(a.w, a.stop())
			time.Sleep(time.Hour)
		},
		"after StepDown": func(a *node) { require.NoError(a.w, a.StepDown(context.Background())) },
	} {
		for _, sick := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					var h slowHealth
					a := w.node("a", leader.WithHealth(h.check))
					a.run().leads()
					h.awaitAsked()
					again(a)
					h.sick.Store(sick)
					asked := h.asked.Load()
					if name == "after a run" {
						a.runsOnce()
					}
					time.Sleep(length + 2*every)
					assert.Equal(t, !sick, a.Status().State == leader.Leading)
					assert.Greater(t, h.asked.Load(), asked)
				})
			})
		}
	}
}

// A check that hangs fails once in each renew interval, also if several have passed unnoticed, and whatever it returns then.
func TestHealth_OneHangIsOneFailure(t *testing.T) {
	for intervals, after := range map[time.Duration]int{1: 2, 3: 4, 10: 11} {
		for _, answer := range []error{nil, errSick} {
			inWorld(t, func(w *world) {
				first := true
				a := w.node("a", leader.WithHealth(func(context.Context) error {
					if first {
						first = false
						time.Sleep(intervals*every + time.Second)
						return answer
					}
					return nil
				}, leader.After(after)))
				a.run().leads()
				select {
				case cause := <-a.stopped:
					t.Errorf("it hung for %d intervals, and After(%d): %v", intervals, after, cause)
				case <-time.After(time.Hour):
				}
			})
		}
	}
}

// Renewals that come sooner, as for a value, do not ask sooner: so failures in a row last.
func TestHealth_AskedOnceAnInterval(t *testing.T) {
	inWorld(t, func(w *world) {
		var fails atomic.Bool
		asked := 0
		a := w.nodeDoing("a", func(ctx context.Context) error {
			for ctx.Err() == nil {
				_ = leader.SetValue(ctx, time.Now().String())
				time.Sleep(every / 50)
			}
			return nil
		}, leader.WithHealth(func(context.Context) error {
			if asked++; fails.Load() {
				return errors.New("hiccup")
			}
			return nil
		}, leader.After(3))).run()
		a.leads()
		time.Sleep(10 * every)
		assert.InDelta(t, 10, asked, 1)
		fails.Store(true)
		began := time.Now()
		assert.ErrorIs(t, <-a.stopped, leader.ErrUnhealthy)
		assert.Greater(t, time.Since(began), 2*every*15/16)
		assert.LessOrEqual(t, time.Since(began), 3*every)
	})
}

// An eager machine runs what is due at once before it goes on.
type eager struct{ *hosttest.Machine }

func (e eager) AfterFunc(d time.Duration, f func()) host.Timer {
	if d <= 0 {
		f()
	}
	return e.Machine.AfterFunc(d, f)
}

// A check that has answered after the end of the run that asked is not hanging when the next run begins.
func TestHealth_AnsweredBetweenTwoRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		var slow atomic.Bool
		asked := make(chan struct{}, 1)
		a := w.node("a", leader.WithHealth(func(context.Context) error {
			if slow.Load() {
				asked <- struct{}{}
				time.Sleep(2 * every)
			}
			return nil
		}))
		for range 20 {
			ctx, cancel := context.WithCancel(host.With(background, eager{a.machine}))
			go func() { a.result <- a.Run(ctx) }()
			began := time.Now()
			a.leads()
			require.Zero(t, time.Since(began))
			slow.Store(true)
			<-asked
			cancel()
			require.NoError(t, <-a.result)
			slow.Store(false)
			time.Sleep(5 * every)
		}
	})
}

// Nor does the answer to an earlier Run, which has called its question off, count besides the hang.
func TestHealth_OneHangOverTwoRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		var hangs atomic.Bool
		goOn := make(chan struct{})
		a := w.node("a", leader.WithHealth(func(ctx context.Context) error {
			if hangs.Load() {
				<-goOn
			}
			return ctx.Err()
		}, leader.After(2)))
		a.run().leads()
		hangs.Store(true)
		time.Sleep(every + time.Second)
		require.NoError(t, a.stop())
		a.stopped = make(chan error, 100)
		hangs.Store(false)
		a.run().leads()
		close(goOn)
		time.Sleep(time.Hour)
		require.Empty(t, a.stopped)
		require.NoError(t, a.Status().Health)
	})
}

// RunOnce watches a lease of unknown age for long: it asks for health again before it takes the lease over.
func TestRunOnce_SickAfterTheWatch(t *testing.T) {
	inWorld(t, func(w *world) {
		w.force("crashed", false)
		a := w.node("a").runsOnce()
		time.Sleep(time.Second)
		a.health.Store(&errSick)
		require.ErrorIs(t, <-a.result, leader.ErrUnhealthy)
		require.Empty(t, a.started)
	})
}

// A check may fail as another lease is held elsewhere. That says nothing about this one.
func TestHealth_FailsAsAnotherLeaseIsHeld(t *testing.T) {
	elsewhere := &lease.HeldError{Info: lease.Info{Name: "x", ID: "y", State: lease.Held, Holder: "z"}}
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WithHealth(func(context.Context) error { return elsewhere }))
		require.ErrorIs(t, a.RunOnce(a.context()), leader.ErrUnhealthy)
		a.run()
		for range 10 {
			time.Sleep(every / 3)
			require.NotEqual(t, "x", a.Status().Seen.Name)
		}
		require.Zero(t, countEvents(a, func(e leader.Event) bool {
			h, ok := e.(leader.HolderEvent)
			return ok && h.Seen.Name == "x"
		}))
	})
}

// A standby that may not lead, as it is sick or paused or both, knows who does.
func TestLeaders_SickStandby(t *testing.T) {
	for _, paused := range []bool{false, true} {
		inWorld(t, func(w *world) {
			a := w.node("a")
			a.health.Store(&errSick)
			if paused {
				require.NoError(t, a.Pause(context.Background()))
			}
			a.run()
			w.node("b").run().leads()
			ctx, cancel := context.WithTimeout(context.Background(), 2*every)
			defer cancel()
			info, err := a.WaitForLeader(ctx)
			require.NoError(t, err)
			require.Equal(t, "b", info.Holder)
			_, swaps := a.link.counts()
			require.Zero(t, swaps)
		})
	}
}

// Failures in a row are counted from one run to the next: a node that was unhealthy stays so until its check succeeds.
func TestHealth_AfterCountsAcrossRuns(t *testing.T) {
	var sick atomic.Bool
	health := func(after int) leader.Option {
		return leader.WithHealth(func(context.Context) error {
			if sick.Load() {
				return errSick
			}
			return nil
		}, leader.After(after))
	}
	inWorld(t, func(w *world) {
		a := w.node("a", health(3))
		sick.Store(true)
		w.force("somebody", false)
		a.run()
		time.Sleep(2 * every)
		w.force("", false)
		time.Sleep(length)
		require.ErrorIs(t, a.Status().Health, leader.ErrUnhealthy)
		require.NoError(t, a.stop())
		require.ErrorIs(t, a.RunOnce(a.context()), leader.ErrUnhealthy)
		a.run()
		time.Sleep(length)
		require.Empty(t, a.started)
		sick.Store(false)
		a.leads()
	})
	inWorld(t, func(w *world) { // also when each run asks only once
		a := w.nodeDoing("a", func(context.Context) error { return nil }, health(2))
		sick.Store(true)
		require.NoError(t, a.RunOnce(a.context()))
		require.ErrorIs(t, a.RunOnce(a.context()), leader.ErrUnhealthy)
		sick.Store(false)
		require.NoError(t, a.RunOnce(a.context()))
	})
}
