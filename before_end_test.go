package leader_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// What a work has registered runs after it has returned, while the term still holds, and before the release.
func TestBeforeEnd_WhileTheTermHolds(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran []string
		returned := false
		a := w.nodeDoing("a", func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			for _, name := range []string{"first", "second"} {
				assert.True(t, lease.BeforeEnd(ctx, func(ctx context.Context) {
					assert.True(t, returned)
					assert.NoError(t, term.Check())
					assert.NoError(t, ctx.Err())
					assert.Equal(t, lease.Held, w.look().State)
					assert.NoError(t, leader.SetValue(ctx, name))
					ran = append(ran, name)
				}))
			}
			<-ctx.Done()
			returned = true
			return nil
		}).run()
		term := a.leads()
		require.NoError(t, a.stop())
		require.Equal(t, []string{"second", "first"}, ran)
		require.Equal(t, "first", w.look().Value)
		require.Equal(t, lease.Free, w.look().State)
		require.Error(t, term.Check())
	})
}

// Once the work has returned, the node does not lead, though its term holds until all of this has run.
func TestBeforeEnd_TheNodeIsStopping(t *testing.T) {
	for name, runs := range map[string]func(*node) *node{"Run": (*node).run, "RunOnce": (*node).runsOnce} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var n *node
				var flushing []leader.State
				ended := make(chan struct{})
				n = w.nodeDoing("a", func(ctx context.Context) error {
					lease.BeforeEnd(ctx, func(context.Context) {
						defer close(ended)
						time.Sleep(time.Second)
						s := n.Status()
						flushing = append(flushing, s.State)
						assert.Equal(t, time.Second, time.Since(s.Since))
						assert.NoError(t, s.Term.Check())
					})
					return nil
				}, leader.WithHoldAtLeast(length))
				runs(n)
				<-ended
				assert.Equal(t, []leader.State{leader.Stopping}, flushing)
				require.NoError(t, <-n.result)
			})
		})
	}
}

// What does not return keeps the lease for no longer than the end of Run may take.
func TestBeforeEnd_DoesNotReturn(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(ctx context.Context) {
				<-ctx.Done()
				<-goOn
			})
			return nil
		}, leader.WithEndTimeout(2*time.Second)).run()
		began := time.Now()
		require.NoError(t, <-a.result)
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
		require.Equal(t, lease.Free, w.look().State)
		close(goOn)
	})
}

// What returns soon after its context has ended is waited for, and the log does not blame it.
func TestBeforeEnd_KeepsToItsContext(t *testing.T) {
	for name, stop := range map[string]func(a *node){
		"Run ends": func(*node) {},
		"Run ends while it steps down": func(a *node) {
			go func() { _ = a.StepDown(background) }()
			time.Sleep(every / 50)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var out bytes.Buffer
				var term lease.Term
				returned := false
				a := w.nodeDoing("a", func(ctx context.Context) error {
					lease.BeforeEnd(ctx, func(ctx context.Context) {
						<-ctx.Done()
						time.Sleep(time.Millisecond)
						assert.NoError(t, term.Check())
						returned = true
					})
					<-ctx.Done()
					return nil
				}, leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
				term = a.run().leads()
				stop(a)
				began := time.Now()
				require.NoError(t, a.stop())
				require.LessOrEqual(t, time.Since(began), every/2, "half of WithEndTimeout")
				require.True(t, returned)
				require.NotContains(t, out.String(), "has not returned")
			})
		})
	}
}

// The context of a function ends at the term's deadline, and the log does not blame the function for that.
func TestBeforeEnd_LostMeanwhile(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		began := time.Now()
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(ctx context.Context) {
				<-ctx.Done()
				assert.Equal(t, usable, time.Since(began))
			})
			<-ctx.Done()
			return nil
		}, leader.WithEndTimeout(time.Minute), leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		term := a.run().leads()
		a.link.set(cut)
		go func() { _ = a.StepDown(background) }()
		<-term.Done()
		time.Sleep(every)
		a.link.set(nil)
		require.NoError(t, a.stop())
		require.Contains(t, out.String(), `has not returned: the term ends without it" lease=leader node=a token=1 err="lease \"leader\" with token 1 is lost: `)
		require.NotContains(t, out.String(), "make the functions")
	})
}

// A function that has not returned keeps the others waiting, also while RunOnce holds the lease on.
func TestBeforeEnd_OneAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		var running atomic.Int32
		a := w.nodeDoing("a", func(ctx context.Context) error {
			for _, takes := range []time.Duration{0, length} {
				lease.BeforeEnd(ctx, func(context.Context) {
					assert.EqualValues(t, 1, running.Add(1))
					time.Sleep(takes)
					running.Add(-1)
				})
			}
			return nil
		}, leader.WithHoldAtLeast(length/2))
		require.NoError(t, a.RunOnce(a.context()))
		time.Sleep(length)
	})
}

// A function that calls runtime.Goexit, as an assertion in a test does, ends the term as a panic does. The others run.
func TestBeforeEnd_Goexit(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		others := 0
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(context.Context) { others++ })
			lease.BeforeEnd(ctx, func(context.Context) { runtime.Goexit() })
			return nil
		}, leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		assert.PanicsWithError(t, "leader: a function of the user's called runtime.Goexit", func() { _ = a.Run(a.context()) })
		require.Equal(t, 1, others)
		require.Contains(t, out.String(), "what was to run before the end of the term panicked")
		require.Equal(t, lease.Free, w.look().State)
	})
}

// Of a lease that was acquired, it is the caller of Release who panics, and can recover.
func TestBeforeEnd_PanicsInRelease(t *testing.T) {
	for want, panics := range map[string]func(context.Context){
		"the flush": func(context.Context) { panic("the flush") },
		"leader: a function of the user's called runtime.Goexit": func(context.Context) { runtime.Goexit() },
	} {
		inWorld(t, func(w *world) {
			a := w.holder("a")
			ctx := a.context()
			held, err := a.Acquire(ctx)
			require.NoError(t, err)
			lease.BeforeEnd(held.Context(), panics)
			for range 2 {
				func() {
					defer func() { assert.Equal(t, want, fmt.Sprint(recover())) }()
					_ = held.Release(background)
				}()
			}
			require.Equal(t, lease.Free, w.look().State)
			again, err := a.Acquire(ctx)
			require.NoError(t, err)
			require.NoError(t, again.Release(background))
		})
	}
}

// A function that panics when nobody waits for it any more ends no Run, and the log does not say so.
func TestBeforeEnd_PanicsTooLate(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(context.Context) {
				<-goOn
				panic("the flush")
			})
			return nil
		}, leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		require.NoError(t, a.Run(a.context()))
		close(goOn)
		synctest.Wait()
		require.Contains(t, out.String(), "panicked: Run did not wait for it any more")
		require.NotContains(t, out.String(), "so does Run")
	})
}

// After a loss there is nothing left to protect it, and the log does not blame a function that did not run.
func TestBeforeEnd_NotAfterALoss(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(context.Context) { t.Error("it runs after the loss") })
			<-ctx.Done()
			assert.False(t, lease.BeforeEnd(ctx, func(context.Context) {}), "nor is it registered then")
			return nil
		}, leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		a.leads()
		w.force("somebody else", false)
		require.ErrorIs(t, <-a.stopped, lease.ErrLost)
		require.False(t, lease.BeforeEnd(context.Background(), func(context.Context) {}))
		require.NoError(t, a.stop())
		require.NotContains(t, out.String(), "has not returned")
	})
}
