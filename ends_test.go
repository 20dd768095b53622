package leader_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// emptyList wraps nothing, and says so in a list: it is a failure, not an excuse.
type emptyList struct{}

func (emptyList) Error() string   { return "a list of nothing" }
func (emptyList) Unwrap() []error { return nil }

// uncomparable can be compared by its type, and panics if it is.
type uncomparable struct{ any }

func (uncomparable) Error() string { return "uncomparable" }

// Run 9: why the work was stopped is decided once, and what it returns is judged by that. The columns are Run and RunOnce;
// again: the node campaigns again.
func TestRun9_WhatTheReturnOfAWorkMeans(t *testing.T) {
	failed, why, sick := errors.New("flush failed"), errors.New("deploy"), errors.New("sick")
	again := errors.New("it campaigns again")
	const margin = 3 * time.Second
	reasons := map[string]func(w *world, a *node){ // what stops the work
		"ctx":     func(w *world, a *node) { a.cancel(why) },
		"lost":    func(w *world, a *node) { w.force("other", true) },
		"stepped": func(w *world, a *node) { go func() { _ = a.StepDown(context.Background()) }() },
		"health":  func(w *world, a *node) { a.health.Store(&sick) },
		"margin":  func(w *world, a *node) { a.link.set(cut) },
	}
	returns := map[string]func(ctx context.Context) error{
		"nil":            func(context.Context) error { return nil },
		"cause":          context.Cause,
		"ctx.Err":        func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) },
		"ErrStepDown":    func(context.Context) error { return fmt.Errorf("enough: %w", leader.ErrStepDown) },
		"failed":         func(ctx context.Context) error { return errors.Join(ctx.Err(), failed) },
		"own timeout":    func(context.Context) error { return fmt.Errorf("flush: %w", context.DeadlineExceeded) },
		"empty list":     func(context.Context) error { return emptyList{} },
		"uncomparable":   func(context.Context) error { return uncomparable{[]int{1}} },
		"another's loss": func(context.Context) error { return &lease.LostError{Name: "another"} },
	}
	excuses := map[string]bool{"nil": true, "cause": true, "ctx.Err": true, "ErrStepDown": true}
	type verdict struct{ run, once []error } // nil: no error
	table := map[string]map[bool]verdict{    // by reason, and whether what the work returned is excused
		"ctx":     {true: {nil, []error{why}}, false: {[]error{}, []error{why}}},
		"lost":    {true: {[]error{again}, []error{lease.ErrLost}}, false: {[]error{again}, []error{lease.ErrLost}}},
		"stepped": {true: {[]error{again}, []error{leader.ErrStepDown}}, false: {[]error{}, []error{leader.ErrStepDown}}},
		"health":  {true: {[]error{again}, []error{leader.ErrUnhealthy, sick}}, false: {[]error{}, []error{leader.ErrUnhealthy}}},
		"margin":  {true: {[]error{again}, []error{lease.ErrLost}}, false: {[]error{again}, []error{lease.ErrLost}}},
	}
	for reason, stop := range reasons {
		for returned, what := range returns {
			for _, once := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/once %v", reason, returned, once), func(t *testing.T) {
					inWorld(t, func(w *world) {
						var result error
						a := w.nodeDoing("a", func(ctx context.Context) error {
							<-ctx.Done()
							result = what(ctx)
							return result
						}, leader.WithStopMargin(margin))
						run := a.Run
						want := table[reason][excuses[returned]].run
						if once {
							run, want = a.RunOnce, table[reason][excuses[returned]].once
							if reason == "margin" && returned == "nil" {
								want = nil // it is done, and Check was nil
							}
						}
						a.runs(run).leads()
						time.Sleep(time.Second)
						stop(w, a)
						<-a.stopped
						synctest.Wait()
						if len(want) > 0 && want[0] == again {
							assert.Empty(t, a.result)
							a.link.set(nil)
							a.health.Store(nil)
							a.leads()
							return
						}
						err := <-a.result
						if want == nil {
							require.NoError(t, err)
							return
						}
						require.Error(t, err)
						if !excuses[returned] {
							assert.Contains(t, err.Error(), result.Error(), "a failure is not swallowed")
						}
						for _, e := range want {
							assert.ErrorIs(t, err, e)
						}
					})
				})
			}
		}
	}
}

// ErrStopTimeout is no orderly end: it does not hide behind the error of ctx.
func TestRun9_StopTimeoutIsNotTheErrorOfCtx(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil }, leader.WithStopTimeout(time.Minute))
		a.run().leads()
		err := a.stop()
		assert.ErrorIs(t, err, leader.ErrStopTimeout)
		assert.NotErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, a.Run(context.Background()), leader.ErrStopTimeout, "its work would overlap that of the next")
		close(goOn)
		synctest.Wait()
		assert.NoError(t, a.Run(a.context()), "and now it may")
	})
}

// The lease of a work that was given up runs out, and this node does not go on naming itself.
func TestRun5_StopTimeoutAndTheLease(t *testing.T) {
	for name, takes := range map[string]time.Duration{"the work returns": every, "the term ends": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				goOn := make(chan struct{})
				defer close(goOn)
				a := w.nodeDoing("a", func(context.Context) error {
					select {
					case <-goOn:
					case <-time.After(takes):
					}
					return nil
				}, leader.WithStopTimeout(time.Second))
				a.run().leads()
				require.ErrorIs(t, a.stop(), leader.ErrStopTimeout)
				require.Equal(t, lease.Held, a.Status().Seen.State, "the work may have effects")
				<-a.Status().Term.Done()
				synctest.Wait()
				assert.Equal(t, lease.Expired, a.Status().Seen.State)
			})
		})
	}
}

// A job that stepped down is not done: the lease is released at once, so that another node can do it.
func TestRunOnce_HoldAtLeastButSteppedDown(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(context.Context) error { return leader.ErrStepDown }, leader.WithHoldAtLeast(length))
		assert.ErrorIs(t, a.RunOnce(a.context()), leader.ErrStepDown)
		assert.Equal(t, lease.Free, w.look().State)
	})
}

// Run 10: however much is stuck, the end of Run takes no longer than WithEndTimeout says, and Status says Stopping until then.
func TestRun10_NothingHoldsTheEnd(t *testing.T) {
	block := make(chan struct{})
	stuck := func(context.Context) error { <-block; return nil }
	for name, c := range map[string]struct {
		opts func(on *atomic.Bool) []leader.Option
		set  func(w *world, a *node)
	}{
		"all callbacks": {opts: func(on *atomic.Bool) []leader.Option {
			wait := func() {
				if on.Load() {
					<-block
				}
			}
			return []leader.Option{
				leader.WhenElected(func(bool) { wait() }), leader.WithObserver(func(leader.Event) { wait() }),
				leader.WithObserver(func(leader.Event) { wait() }), leader.WithLogger(slog.New(blockedHandler{slog.DiscardHandler, block})),
				leader.WithHeartbeat(time.Second, func(context.Context, bool) error { wait(); return nil }),
			}
		}},
		"a store that hangs":           {set: func(w *world, a *node) { a.link.set(hang) }},
		"a store that does not return": {set: func(w *world, a *node) { a.link.set(func(q request) { <-block; *q.err = errLost }) }},
		"a health check that is stuck": {opts: func(on *atomic.Bool) []leader.Option {
			return []leader.Option{leader.WithHealth(stuck, leader.After(1000))}
		}},
		"a store that fails, at length": {set: func(w *world, a *node) { a.link.set(cut) }},
	} {
		for _, leads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/leads %v", name, leads), func(t *testing.T) {
				inWorld(t, func(w *world) {
					block = make(chan struct{})
					defer close(block)
					const end = 2 * time.Second
					var on atomic.Bool
					opts := []leader.Option{leader.WithLeaseLength(time.Hour), leader.WithEndTimeout(end)}
					if c.opts != nil {
						opts = append(opts, c.opts(&on)...)
					}
					if !leads {
						w.force("other", false)
					}
					a := w.node("a", opts...).run()
					if leads && name != "a health check that is stuck" {
						a.leads()
					}
					time.Sleep(time.Second)
					on.Store(true)
					if c.set != nil {
						c.set(w, a)
					}
					time.Sleep(20*time.Minute - time.Second/2) // a request is under way, and hangs
					told := time.Now()
					a.cancel(errors.New("deploy"))
					synctest.Wait()
					if len(a.result) == 0 {
						assert.Equal(t, leader.Stopping, a.Status().State)
						time.Sleep(end - time.Millisecond)
						synctest.Wait()
						if len(a.result) == 0 {
							assert.Equal(t, leader.Stopping, a.Status().State, "until it has returned")
						}
					}
					assert.NoError(t, <-a.result)
					assert.LessOrEqual(t, time.Since(told), end)
					assert.Equal(t, leader.Idle, a.Status().State)
				})
			})
		}
	}
}

// Run says why it ends in its last events, and ends at once if nothing holds it.
func TestRun10_TheEndOfACampaign(t *testing.T) {
	inWorld(t, func(w *world) {
		why := errors.New("deploy")
		w.force("other", false)
		var last []leader.StateEvent
		a := w.node("a", leader.WithObserver(func(e leader.Event) {
			if s, ok := e.(leader.StateEvent); ok {
				last = append(last, s)
			}
		})).run()
		time.Sleep(time.Minute / 6)
		told := time.Now()
		a.cancel(why)
		require.NoError(t, <-a.result)
		assert.Zero(t, time.Since(told))
		require.Len(t, last, 3)
		assert.Equal(t, leader.Stopping, last[1].To)
		assert.Equal(t, why, last[1].Cause)
		assert.Equal(t, leader.Idle, last[2].To)
		assert.NoError(t, last[2].Cause)
	})
}

// StepDown tells if the lease was not given back.
func TestRun7_StepDownSaysThatTheReleaseFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		a.link.set(cut)
		err := a.StepDown(context.Background())
		assert.ErrorIs(t, err, errLost)
		assert.ErrorContains(t, err, "runs out")
		assert.NotEqual(t, lease.Held, a.Status().Seen.State, "it is not this node's any more")
	})
}

// R8: a look that finds the record of a term that is over does not make this node the leader again.
func TestR8_NoLookRevivesATerm(t *testing.T) {
	for name, end := range map[string]func(w *world, a *node){
		"a look while it sits out": func(w *world, a *node) {
			a.run().leads()
			a.link.set(cut)
			require.Error(w, a.StepDown(background))
		},
		"a look while it is paused": func(w *world, a *node) {
			a.run().leads()
			a.link.set(cut)
			require.Error(w, a.Pause(background))
		},
		"the next Run's tries": func(w *world, a *node) {
			a.run().leads()
			a.link.set(cut)
			require.NoError(w, a.stop())
			a.run()
		},
		"a lease that was declined": func(w *world, a *node) {
			a.link.set(func(q request) {
				q.send()
				if q.op == "swap" {
					a.link.set(cut)
					go func() { _ = a.StepDown(background) }()
					time.Sleep(time.Millisecond)
				}
			})
			a.run()
			time.Sleep(every) // it tries to give the lease back
			require.Empty(w, a.started)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var heldAt time.Time // when an event last said that this node holds the lease
				a := w.node("a", leader.WithObserver(func(e leader.Event) {
					if h, ok := e.(leader.HolderEvent); ok && h.Seen.State == lease.Held {
						heldAt = time.Now()
					}
				}))
				end(w, a)
				a.link.set(nil)
				over, before := time.Now(), a.Status().Contact
				time.Sleep(2 * every)
				synctest.Wait()
				require.True(t, a.Status().Contact.After(before), "it has looked")
				assert.Equal(t, lease.Held, w.look().State)
				assert.Equal(t, lease.Expired, a.Status().Seen.State)
				assert.False(t, heldAt.After(over))
				for info := range a.Leaders(background) {
					assert.Equal(t, lease.Expired, info.State)
					break
				}
			})
		})
	}
}

// StepDown while the lease is being asked for: the node does not lead by that answer.
func TestRun7_StepDownDuringAnAcquisition(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		a.link.set(func(q request) { time.Sleep(time.Second); q.send() })
		a.run()
		time.Sleep(time.Second + time.Second/2) // the write is under way
		down := make(chan error, 1)
		go func() { down <- a.StepDown(context.Background()) }()
		require.NoError(t, <-down)
		assert.Empty(t, a.started)
		assert.Equal(t, lease.Free, w.look().State)
		released := time.Now()
		a.leads()
		assert.GreaterOrEqual(t, time.Since(released), length, "and it sits out")
	})
	inWorld(t, func(w *world) { // somebody else holds the lease: there is nothing to give up
		w.force("other", false)
		a := w.node("a")
		a.link.set(func(q request) { time.Sleep(time.Second); q.send() })
		a.run()
		time.Sleep(time.Second / 2)
		require.NoError(t, a.StepDown(context.Background()))
	})
}

// Run is told to end while it tries to give back what StepDown gave up: that is a part of the end, then.
func TestRun10_ToldToEndDuringARelease(t *testing.T) {
	inWorld(t, func(w *world) {
		const end = 2 * time.Second
		a := w.node("a", leader.WithLeaseLength(time.Hour), leader.WithEndTimeout(end)).run()
		a.leads()
		a.link.set(cut)
		go func() { _ = a.StepDown(context.Background()) }()
		time.Sleep(time.Minute)
		told := time.Now()
		require.NoError(t, a.stop())
		assert.LessOrEqual(t, time.Since(told), end)
	})
}

// A cause of the caller's own may be of a type that cannot be compared: it excuses nothing, and nothing panics.
func TestRun9_ACauseThatCannotBeCompared(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		a.run().leads()
		a.cancel(uncomparable{[]int{1}})
		assert.EqualError(t, <-a.result, "uncomparable")
	})
}
