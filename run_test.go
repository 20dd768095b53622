package leader_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// The numbers are those of the points of Run in docs/design.md.

func TestRun1_TakeoverWithinTheBound(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		b := w.node("b").run()
		time.Sleep(time.Minute)
		a.link.set(hang) // a dies, as far as the store can tell
		died := time.Now()
		assert.EqualValues(t, 2, b.leads().Token())
		assert.LessOrEqual(t, time.Since(died), length+every, "L1")
		assert.Equal(t, "b", w.look().Holder)
	})
}

func TestRun1_TakeoverAtExpiryNotAPollLate(t *testing.T) {
	inWorld(t, func(w *world) {
		gone := w.node("gone")
		_, err := gone.manager.Acquire(gone.context(), lease.Request{Name: anyName, Holder: "gone", Length: length})
		require.NoError(t, err)
		b := w.node("b", leader.WithAcquireEvery(4*time.Second)) // 15 s is no multiple of it, jitter or not
		begun := time.Now()
		b.run().leads()
		assert.Equal(t, length, time.Since(begun), "when it has watched for the lease's length")
	})
}

func TestRun1_TakeoverSoonAfterRelease(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		b := w.node("b").run()
		time.Sleep(time.Minute)
		require.NoError(t, a.stop())
		released := time.Now()
		b.leads()
		assert.LessOrEqual(t, time.Since(released), every, "L1")
	})
}

func TestRun1_MisconfiguredOnTheFirstTryOnly(t *testing.T) {
	refused := fmt.Errorf("%w: no such table", lease.ErrMisconfigured)
	refuse := func(q request) { *q.err = refused }
	t.Run("first", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a")
			a.link.set(refuse)
			assert.ErrorIs(t, a.Run(a.context()), lease.ErrMisconfigured)
			assert.Equal(t, leader.Idle, a.Status().State)
		})
	})
	t.Run("after a term", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a").run()
			a.leads()
			a.link.set(refuse)
			<-a.stopped
			time.Sleep(time.Hour)
			assert.ErrorIs(t, a.Status().Err, lease.ErrMisconfigured)
			a.link.set(nil)
			a.leads()
		})
	})
	t.Run("later", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a")
			a.link.set(cut)
			a.run()
			time.Sleep(time.Second)
			a.link.set(refuse)
			time.Sleep(time.Hour)
			assert.ErrorIs(t, a.Status().Err, lease.ErrMisconfigured)
			a.link.set(nil)
			a.leads()
		})
	})
}

func TestRun2_WorkIsCancelledAtTheDeadline(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		term := a.leads()
		renewed := time.Now() // there is no latency: the acquisition was sent now
		a.link.set(hang)
		cause := <-a.stopped
		assert.Equal(t, usable, time.Since(renewed), "the length less a tenth (R2)")
		lost, ok := errors.AsType[*lease.LostError](cause)
		require.True(t, ok, "%v", cause)
		assert.Equal(t, lease.LostExpired, lost.Reason)
		assert.Equal(t, term.Token(), lost.Token)
		assert.ErrorIs(t, cause, context.DeadlineExceeded, "says why the renewals failed")
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
	})
}

func TestRun2_WorkIsCancelledWhenTheLeaseIsFoundLost(t *testing.T) {
	for reason, change := range map[lease.LostReason]func(w *world, l lease.Info){
		lease.LostTaken: func(w *world, l lease.Info) {
			w.force("other", false)
		},
		lease.LostReleased: func(w *world, l lease.Info) {
			w.force("", true)
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a").run()
				a.leads()
				time.Sleep(time.Second)
				change(w, w.look())
				changed := time.Now()
				cause := <-a.stopped
				assert.LessOrEqual(t, time.Since(changed), every)
				lost, ok := errors.AsType[*lease.LostError](cause)
				require.True(t, ok, "%v", cause)
				assert.Equal(t, reason, lost.Reason)
			})
		})
	}
}

func TestRun3_WorkReturnsNil(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WhenStarted(func(context.Context) error { time.Sleep(time.Minute); return nil }))
		assert.NoError(t, a.Run(a.context()))
		assert.Equal(t, lease.Free, w.look().State)
		assert.Equal(t, leader.Idle, a.Status().State)
		assert.ErrorIs(t, a.Status().Term.Check(), lease.ErrLost)
	})
}

func TestRun3_WorkReturnsAnError(t *testing.T) {
	inWorld(t, func(w *world) {
		broken := errors.New("broken")
		a := w.node("a", leader.WhenStarted(func(context.Context) error { return broken }))
		assert.Equal(t, broken, a.Run(a.context()), "itself, not wrapped")
		assert.Equal(t, lease.Free, w.look().State)
	})
}

func TestRun3_WorkReturnsAfterTheLoss(t *testing.T) {
	for name, returned := range map[string]error{"nil": nil, "error": errors.New("broken")} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); return returned })
				a.run()
				a.leads()
				w.force("other", true)
				assert.EqualValues(t, 3, a.leads().Token(), "it campaigns again")
			})
		})
	}
}

func TestRun3_Panic(t *testing.T) {
	for name, c := range map[string]struct {
		work func(context.Context) error
		want any
	}{
		"panic":  {func(context.Context) error { panic("oh no") }, "oh no"},
		"goexit": {func(context.Context) error { runtime.Goexit(); return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a", quiet(), leader.WhenStarted(c.work))
				var got any
				func() {
					defer func() { got = recover() }()
					_ = a.Run(a.context())
				}()
				if c.want == nil {
					assert.ErrorContains(t, got.(error), "Goexit")
				} else {
					assert.Equal(t, c.want, got)
				}
				assert.Equal(t, lease.Free, w.look().State, "released before the panic went on")
				assert.Equal(t, leader.Idle, a.Status().State)
			})
		})
	}
}

func TestRun4_ReleaseOnlyAfterTheWorkHasReturned(t *testing.T) {
	inWorld(t, func(w *world) {
		const flush = time.Minute // four lease lengths
		why := errors.New("deploy")
		var term lease.Term
		a := w.nodeDoing("a", func(ctx context.Context) error {
			term, _ = leader.TermFrom(ctx)
			<-ctx.Done()
			assert.Equal(t, why, context.Cause(ctx))
			for range flush / time.Second {
				time.Sleep(time.Second)
				assert.NoError(t, term.Check(), "renewals go on")
			}
			return ctx.Err()
		})
		a.run().leads()
		b := w.node("b").run()
		stopped := time.Now()
		a.cancel(why)
		synctest.Wait()
		assert.Equal(t, leader.Stopping, a.Status().State)
		assert.NoError(t, <-a.result)
		assert.Equal(t, flush, time.Since(stopped))
		b.leads()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		assert.LessOrEqual(t, time.Since(stopped), flush+every)
	})
}

func TestRun4_WhatRunReturns(t *testing.T) {
	why, flushFailed := errors.New("deploy"), errors.New("flush failed")
	for name, c := range map[string]struct {
		work func(context.Context) error
		want error
	}{
		"nil":               {func(context.Context) error { return nil }, nil},
		"ctx.Err":           {func(ctx context.Context) error { return ctx.Err() }, nil},
		"wrapped ctx.Err":   {func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) }, nil},
		"cause":             {context.Cause, nil},
		"other":             {func(context.Context) error { return flushFailed }, flushFailed},
		"other and ctx.Err": {func(ctx context.Context) error { return errors.Join(ctx.Err(), flushFailed) }, flushFailed},
		"other and ctx.Err, in a wrapper": {func(ctx context.Context) error {
			return fmt.Errorf("stop: %w", errors.Join(ctx.Err(), flushFailed))
		}, flushFailed},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); return c.work(ctx) })
				a.run().leads()
				a.cancel(why)
				if err := <-a.result; c.want == nil {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, c.want)
				}
				assert.Equal(t, lease.Free, w.look().State)
			})
		})
	}
}

func TestRun4_DeadlineOfTheContext(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		ctx, cancel := context.WithTimeout(a.context(), time.Minute)
		defer cancel()
		assert.NoError(t, a.Run(ctx), "the work returned ctx.Err()")
		assert.Equal(t, lease.Free, w.look().State)
	})
}

func TestRun4_CancelledWhileItCampaigns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node("a").run().leads()
		b := w.node("b").run()
		time.Sleep(time.Minute)
		assert.NoError(t, b.stop())
		assert.Empty(t, b.started)
		b.link.set(hang) // and while a request hangs
		b.run()
		time.Sleep(time.Second)
		asked := time.Now()
		assert.NoError(t, b.stop())
		assert.Zero(t, time.Since(asked), "at once: the request's context has ended, too")
	})
}

func TestRun5_WorkIgnoresTheLoss(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		var overruns []leader.OverrunEvent
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil }, leader.WithObserver(func(e leader.Event) {
			if o, ok := e.(leader.OverrunEvent); ok {
				overruns = append(overruns, o)
			}
		}))
		a.run().leads()
		w.force("other", true) // lost within 5 s, and free for the taking
		loads, _ := a.link.counts()
		time.Sleep(every + 3*length)
		synctest.Wait()
		require.Len(t, overruns, 3, "told at each lease length")
		for i, o := range overruns {
			assert.Equal(t, time.Duration(i+1)*length, o.After)
			assert.EqualValues(t, 1, o.Token)
		}
		more, _ := a.link.counts()
		assert.Equal(t, loads+1, more, "the renewal looked once; it does not campaign meanwhile")
		assert.Empty(t, a.started)
		close(goOn)
		assert.EqualValues(t, 3, a.leads().Token())
	})
}

func TestRun5_StopTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil }, leader.WithStopTimeout(time.Minute))
		a.run()
		term := a.leads()
		b := w.node("b").run()
		a.cancel(errors.New("deploy"))
		stopped := time.Now()
		err := <-a.result
		assert.ErrorIs(t, err, leader.ErrStopTimeout)
		assert.ErrorContains(t, err, "deploy")
		assert.Equal(t, time.Minute, time.Since(stopped))
		assert.Equal(t, lease.Held, w.look().State, "not released")
		assert.NoError(t, term.Check(), "the work still has its lease, until that runs out")
		b.leads()
		assert.ErrorIs(t, term.Check(), lease.ErrLost)
		assert.Greater(t, time.Since(stopped), time.Minute+length-every)
		close(goOn)
	})
}

// R8: the term of a work that was given up lasts for as long as the work, and no longer: the next Run begins without it.
func TestRun5_StopTimeoutAndTheNextRun(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		var told []bool
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil }, leader.WithStopTimeout(time.Second),
			leader.WithHeartbeat(time.Second, func(_ context.Context, isLeader bool) error { told = append(told, isLeader); return nil }))
		term := a.run().leads()
		require.ErrorIs(t, a.stop(), leader.ErrStopTimeout)
		synctest.Wait()
		require.NoError(t, term.Check())
		close(goOn)
		synctest.Wait()
		require.ErrorIs(t, term.Check(), lease.ErrLost)
		told = nil
		a.run()
		time.Sleep(every + time.Second)
		require.NoError(t, a.stop())
		require.NotEmpty(t, told)
		require.NotContains(t, told, true)
	})
}

func TestRun6_HeartbeatEndsRun(t *testing.T) {
	inWorld(t, func(w *world) {
		sick := errors.New("sick")
		var told []bool
		a := w.node("a", leader.WithHeartbeat(time.Second, func(ctx context.Context, isLeader bool) error {
			if told = append(told, isLeader); len(told) == 30 {
				return sick
			}
			return nil
		}))
		w.force("other", false)
		begun := time.Now()
		err := a.Run(a.context())
		assert.Equal(t, sick, err)
		assert.Equal(t, 30*time.Second, time.Since(begun))
		assert.False(t, told[0])
		assert.True(t, told[29], "it took over after 15 s")
		assert.ErrorIs(t, <-a.stopped, sick)
		assert.Equal(t, lease.Free, w.look().State)
	})
}

func TestRun8_OneAtATimeAndAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		assert.ErrorIs(t, a.Run(context.Background()), leader.ErrRunning)
		assert.ErrorIs(t, a.RunOnce(context.Background()), leader.ErrRunning)
		require.NoError(t, a.stop())
		a.run()
		assert.EqualValues(t, 2, a.leads().Token())
		require.NoError(t, a.stop())
	})
}
