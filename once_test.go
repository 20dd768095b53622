package leader_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

func TestRunOnce_HeldElsewhere(t *testing.T) {
	inTimedWorld(t, func(w *world) {
		w.node("a").run().leads()
		b := w.node("b")
		begun := time.Now()
		err := b.RunOnce(b.context())
		assert.Zero(t, time.Since(begun), "at once")
		require.ErrorIs(t, err, lease.ErrHeld)
		held, _ := errors.AsType[*lease.HeldError](err)
		assert.Equal(t, "a", held.Info.Holder)
		loads, swaps := b.link.counts()
		assert.Equal(t, [2]int{1, 0}, [2]int{loads, swaps})
	})
}

func TestRunOnce_Outcomes(t *testing.T) {
	why, broken, sick := errors.New("deploy"), errors.New("broken"), errors.New("sick")
	untilEnd := func(ctx context.Context) error { <-ctx.Done(); return nil }
	for name, c := range map[string]struct {
		work  func(ctx context.Context) error
		after func(w *world, a *node) // a second after the work began
		want  []error                 // nil: no error
		state lease.State
	}{
		"done":                   {work: func(context.Context) error { return nil }},
		"failed":                 {work: func(context.Context) error { return broken }, want: []error{broken}},
		"stepped down by itself": {work: func(context.Context) error { return leader.ErrStepDown }, want: []error{leader.ErrStepDown}},
		"told to step down": {
			work:  untilEnd,
			after: func(w *world, a *node) { assert.NoError(w, a.StepDown(context.Background())) },
			want:  []error{leader.ErrStepDown},
		},
		"cancelled": {
			work:  untilEnd,
			after: func(w *world, a *node) { a.cancel(why) },
			want:  []error{why},
		},
		"cancelled and failed": {
			work:  func(ctx context.Context) error { <-ctx.Done(); return broken },
			after: func(w *world, a *node) { a.cancel(why) },
			want:  []error{why, broken},
		},
		"lost to another": {
			work:  untilEnd,
			after: func(w *world, a *node) { w.force("other", true) },
			want:  []error{lease.ErrLost},
		},
		"lost and failed": {
			work:  func(ctx context.Context) error { <-ctx.Done(); return broken },
			after: func(w *world, a *node) { w.force("other", true) },
			want:  []error{lease.ErrLost, broken},
		},
		"lost to the deadline": {
			work:  untilEnd,
			after: func(w *world, a *node) { a.link.set(hang) },
			want:  []error{lease.ErrLost},
			state: lease.Held, // it could not be released, either
		},
		"unhealthy": {
			work:  untilEnd,
			after: func(w *world, a *node) { a.health.Store(&sick) },
			want:  []error{leader.ErrUnhealthy, sick},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.nodeDoing("a", c.work)
				a.runsOnce()
				time.Sleep(time.Second)
				if c.after != nil {
					c.after(w, a)
				}
				err := <-a.result
				if c.want == nil {
					assert.NoError(t, err)
				}
				for _, want := range c.want {
					assert.ErrorIs(t, err, want)
				}
				assert.Len(t, a.stopped, 1, "never back to the campaign")
				assert.Equal(t, c.state, w.look().State)
			})
		})
	}
}

func TestRunOnce_DoesNotBegin(t *testing.T) {
	why, sick := errors.New("deploy"), errors.New("sick")
	for name, c := range map[string]struct {
		before func(a *node)
		want   error
	}{
		"no answer":         {func(a *node) { a.link.set(cut) }, errLost},
		"unhealthy":         {func(a *node) { a.health.Store(&sick) }, sick},
		"cancelled already": {func(a *node) { a.cancel(why) }, why},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a")
				ctx := a.context()
				c.before(a)
				assert.ErrorIs(t, a.RunOnce(ctx), c.want)
				assert.Empty(t, a.started)
				assert.Equal(t, lease.Free, w.look().State)
			})
		})
	}
}

func TestRunOnce_HoldAtLeast(t *testing.T) {
	const hold = 10 * time.Second
	for name, c := range map[string]struct {
		takes time.Duration
		fails error
		kept  bool
	}{
		"sooner":             {takes: time.Second, kept: true},
		"sooner, and failed": {takes: time.Second, fails: errors.New("broken"), kept: true},
		"later":              {takes: hold + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inTimedWorld(t, func(w *world) {
				job := func(context.Context) error { time.Sleep(c.takes); return c.fails }
				a, b := w.nodeDoing("a", job, leader.WithHoldAtLeast(hold)), w.nodeDoing("b", job, leader.WithHoldAtLeast(hold))
				begun := time.Now()
				assert.Equal(t, c.fails, a.RunOnce(a.context()))
				assert.Equal(t, c.takes, time.Since(begun), "it does not wait")
				assert.ErrorIs(t, a.Status().Term.Check(), lease.ErrLost)
				if !c.kept {
					assert.Equal(t, lease.Free, w.look().State)
					return
				}
				assert.Equal(t, lease.Expired, a.Status().Seen.State, "it runs out")
				assert.True(t, a.Status().Seen.MayRunOut())
				assert.Equal(t, hold, w.look().HoldAtLeast)
				assert.True(t, w.look().MayRunOut())
				assert.ErrorIs(t, b.RunOnce(b.context()), lease.ErrHeld, "a late trigger")
				time.Sleep(hold - c.takes - 1)
				assert.ErrorIs(t, b.RunOnce(b.context()), lease.ErrHeld)
				time.Sleep(length)
				assert.Equal(t, c.fails, b.RunOnce(b.context()), "the next day")
				assert.Equal(t, lease.EndLeft, w.look().History.Terms()[0].How)
			})
		})
	}
}

func TestRunOnce_HoldAtLeastButStopped(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WithHoldAtLeast(length)).runsOnce()
		a.leads()
		assert.ErrorIs(t, a.stop(), context.Canceled)
		assert.Equal(t, lease.Free, w.look().State, "an unfinished job may be done elsewhere")
	})
}

// V2: what the work set last is stored, also if no release follows that would carry it.
func TestRunOnce_HoldAtLeastStoresTheValue(t *testing.T) {
	for name, set := range map[string]func(ctx context.Context, a *node){
		"noted": func(ctx context.Context, _ *node) { assert.NoError(t, leader.NoteValue(ctx, "x")) },
		"noted before the end": func(ctx context.Context, _ *node) {
			lease.BeforeEnd(ctx, func(ctx context.Context) { assert.NoError(t, leader.NoteValue(ctx, "x")) })
		},
		"not acknowledged": func(ctx context.Context, a *node) {
			a.link.set(cut)
			assert.ErrorIs(t, leader.SetValue(ctx, "x"), errLost)
			a.link.set(nil)
		},
		"noted, and the store fails once": func(ctx context.Context, a *node) {
			assert.NoError(t, leader.NoteValue(ctx, "x"))
			a.link.set(func(q request) {
				if q.op == "swap" {
					a.link.set(nil)
					cut(q)
				} else {
					q.send()
				}
			})
		},
	} {
		for age, in := range map[string]func(*testing.T, func(w *world)){"timed": inTimedWorld, "ageless, and told to end": inWorld} {
			t.Run(name+", "+age, func(t *testing.T) {
				in(t, func(w *world) {
					var a *node
					a = w.nodeDoing("a", func(ctx context.Context) error { set(ctx, a); return nil }, leader.WithHoldAtLeast(length))
					a.runsOnce().leads()
					synctest.Wait()
					if age != "timed" {
						a.cancel(nil)
					}
					assert.NoError(t, <-a.result)
					assert.Equal(t, "x", w.look().Value)
					assert.Equal(t, lease.Held, w.look().State)
				})
			})
		}
	}
}

// A lease whose value is stored costs no renewal more.
func TestRunOnce_HoldAtLeastSendsNothingTwice(t *testing.T) {
	inTimedWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error { return leader.SetValue(ctx, "x") }, leader.WithHoldAtLeast(length))
		require.NoError(t, a.RunOnce(a.context()))
		_, swaps := a.link.counts()
		require.Equal(t, 2, swaps, "it was acquired, and the value stored")
	})
}

// V2: what a renewal in flight does not carry yet is stored as soon as that one is answered.
func TestRunOnce_HoldAtLeastStoresTheValueAfterARenewal(t *testing.T) {
	for name, c := range map[string]struct {
		next func(q request) // befalls the renewal after that one
		most time.Duration   // from the answer to the end
	}{
		"the store answers":    {func(q request) { q.send() }, 0},
		"the store fails once": {cut, every / 2},
	} {
		t.Run(name, func(t *testing.T) {
			inTimedWorld(t, func(w *world) {
				a := w.nodeDoing("a", func(ctx context.Context) error {
					time.Sleep(every + time.Second/2)
					return leader.NoteValue(ctx, "x")
				}, leader.WithHoldAtLeast(length))
				a.runsOnce().leads()
				swaps := 0
				a.link.set(func(q request) {
					if q.op == "swap" {
						swaps++
					}
					switch {
					case q.op == "swap" && swaps == 1:
						time.Sleep(time.Second)
						q.send()
					case q.op == "swap" && swaps == 2:
						c.next(q)
					default:
						q.send()
					}
				})
				began := time.Now()
				assert.NoError(t, <-a.result)
				assert.LessOrEqual(t, time.Since(began), every+time.Second+c.most, "it does not wait for the next interval")
				assert.Equal(t, "x", w.look().Value)
			})
		})
	}
}
