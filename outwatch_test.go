package leader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// RunOnce where the record's age is not known: a process that has just started watches it.
func TestRunOnce_OnAStoreWithoutAge(t *testing.T) {
	done := func(context.Context) error { return nil }
	t.Run("a living holder", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.node("a").run().leads()
			time.Sleep(time.Second)
			b := w.node("b")
			begun := time.Now()
			err := b.RunOnce(b.context())
			assert.ErrorIs(t, err, lease.ErrHeld)
			assert.LessOrEqual(t, time.Since(begun), 2*every, "its next renewal, and a look")
			_, swaps := b.link.counts()
			assert.Zero(t, swaps)
		})
	})
	t.Run("a crashed holder", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.force("gone", false)
			time.Sleep(24 * time.Hour)
			b := w.nodeDoing("b", done)
			begun := time.Now()
			assert.NoError(t, b.RunOnce(b.context()))
			assert.GreaterOrEqual(t, time.Since(begun), length)
			assert.LessOrEqual(t, time.Since(begun), length+every)
			assert.EqualValues(t, 2, w.look().Token)
		})
	})
	t.Run("a crashed holder that is asked for something", func(t *testing.T) {
		inWorld(t, func(w *world) { // a wish is no sign of life, nor is its withdrawal
			m := lease.NewManager(w.store)
			_, err := m.Acquire(background, lease.Request{Name: anyName, Holder: "gone", Length: length, Heeds: []string{lease.WishHandover}})
			require.NoError(t, err)
			b := w.nodeDoing("b", done).runsOnce()
			begun := time.Now()
			time.Sleep(length / 4)
			w.asks("c")
			time.Sleep(length / 2)
			require.NoError(t, lease.Withdraw(background, lease.NewManager(w.store), w.look()))
			assert.NoError(t, <-b.result)
			assert.GreaterOrEqual(t, time.Since(begun), length)
			assert.LessOrEqual(t, time.Since(begun), length+every)
		})
	})
	t.Run("a living holder that is asked for something", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.node("a").run().leads()
			b := w.node("b").runsOnce()
			time.Sleep(every / 5)
			w.asks("a") // which it refuses
			assert.ErrorIs(t, <-b.result, lease.ErrHeld)
		})
	})
	for name, change := range map[string]func(w *world){
		"released": func(w *world) { w.force("", true) },
		"taken":    func(w *world) { w.force("other", false) },
		"broken": func(w *world) {
			require.NoError(w, lease.Break(context.Background(), lease.NewManager(w.store), w.look()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.force("somebody", false)
				b := w.nodeDoing("b", done).runsOnce()
				time.Sleep(time.Second)
				change(w)
				assert.ErrorIs(t, <-b.result, lease.ErrHeld, "somebody was at it until just now")
				_, swaps := b.link.counts()
				assert.Zero(t, swaps)
			})
		})
	}
	t.Run("a whole term between the last look and the acquisition", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.force("gone", false)
			b := w.nodeDoing("b", done)
			begun, other := time.Now(), false
			b.link.set(func(q request) {
				q.send()
				if q.op == "load" && time.Since(begun) >= length && !other {
					other = true
					w.force("other", true)
				}
			})
			assert.ErrorIs(t, b.RunOnce(b.context()), lease.ErrHeld, "somebody has done it meanwhile")
			assert.Equal(t, lease.Free, w.look().State, "what it got is given back")
			assert.Empty(t, b.started)
		})
	})
	t.Run("told to end", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.force("gone", false)
			b := w.nodeDoing("b", done).runsOnce()
			time.Sleep(time.Second)
			why := errors.New("deploy")
			b.cancel(why)
			assert.ErrorIs(t, <-b.result, why)
		})
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.force("gone", false)
			b := w.nodeDoing("b", done).runsOnce()
			time.Sleep(time.Second)
			b.link.set(cut)
			begun := time.Now()
			assert.ErrorIs(t, <-b.result, errLost)
			assert.LessOrEqual(t, time.Since(begun), 3*length)
		})
	})
	t.Run("a store that refuses at once, just when the lease may be free", func(t *testing.T) {
		for late := time.Duration(0); late < 9*every/10; late += every / 20 {
			inWorld(t, func(w *world) {
				w.force("gone", false)
				b, begun := w.nodeDoing("b", done), time.Now()
				b.link.set(func(q request) {
					left := length - time.Since(begun)
					if left <= 0 {
						if asked, _ := b.link.counts(); asked > 100 {
							time.Sleep(every) // this ends
						}
						cut(q)
						return
					}
					q.send()
					if left <= late { // its answer comes when the lease may be free: a write would tell
						time.Sleep(left)
					}
				})
				assert.ErrorIs(t, b.RunOnce(b.context()), errLost)
				loads, _ := b.link.counts()
				assert.LessOrEqual(t, loads, 20, "looks in %v, with answers that take %v", time.Since(begun), late)
			})
		}
	})
	t.Run("a manager that cannot inspect", func(t *testing.T) {
		for _, wrapped := range []bool{false, true} { // then only the answer to a look tells so
			inWorld(t, func(w *world) {
				w.force("somebody", false)
				b := w.node("b")
				var m lease.Manager = bare{b.manager}
				most := time.Duration(0)
				if wrapped {
					m, most = leadertest.NewManager(m), every*9/8
				}
				begun := time.Now()
				l := leader.New(leader.WithLeaseManager(m), leader.WhenStarted(done), quiet())
				assert.ErrorIs(t, l.RunOnce(b.context()), lease.ErrHeld)
				assert.LessOrEqual(t, time.Since(begun), most, "it is taken at its word")
			})
		}
	})
	t.Run("a manager that leaves tokens out", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.force("gone", false)
			b := w.nodeDoing("b", done, leader.WithLeaseManager(skipping{lease.NewManager(w.store)}))
			err := b.RunOnce(b.context())
			assert.EqualError(t, err, `lease "leader" is held, and the attempt to get it failed: token 3 is not the next after token 1 of "gone": `+
				"another node has led meanwhile, or the lease manager leaves tokens out")
			assert.ErrorIs(t, err, lease.ErrHeld)
			assert.Empty(t, b.started, "perhaps somebody has done it")
			assert.Equal(t, lease.Free, w.look().State)
		})
	})
}

// A look that the manager does not offer is no request to the store: Status and observers do not hear that it failed.
func TestInspect_IsNotOffered(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WithLeaseManager(leadertest.NewManager(bare{lease.NewManager(w.store)}))).run()
		a.leads()
		require.NoError(t, a.StepDown(background))
		for range 100 {
			assert.NoError(t, a.Status().Err)
			time.Sleep(length / 100)
		}
		a.leads()
		require.NoError(t, a.Pause(background))
		time.Sleep(length)
		assert.NoError(t, a.Status().Err)
		assert.Zero(t, countEvents(a, func(e leader.Event) bool {
			asked, ok := e.(leader.RequestEvent)
			return ok && asked.Op == leader.OpInspect
		}))
	})
}

// skipping is a manager that acquires a lease twice each time.
type skipping struct{ lease.Manager }

func (s skipping) Unwrap() lease.Manager { return s.Manager }

func (s skipping) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	held, err := s.Manager.Acquire(ctx, r)
	if err != nil {
		return held, err
	}
	if err := s.Release(ctx, held); err != nil {
		return lease.Lease{}, err
	}
	return s.Manager.Acquire(ctx, r)
}

// bare is a manager of somebody else's, with nothing but what it must have.
type bare struct{ m lease.Manager }

func (b bare) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	return b.m.Acquire(ctx, r)
}
func (b bare) Renew(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	return b.m.Renew(ctx, l)
}
func (b bare) Release(ctx context.Context, l lease.Lease) error { return b.m.Release(ctx, l) }

// WithHoldAtLeast on such a store: a lease that is left to run out looks like a crash, so it is renewed meanwhile, and released.
func TestRunOnce_HoldAtLeastOnAStoreWithoutAge(t *testing.T) {
	const hold = 14 * time.Second
	inWorld(t, func(w *world) {
		job := func(context.Context) error { time.Sleep(time.Second); return nil }
		a := w.nodeDoing("a", job, leader.WithHoldAtLeast(hold))
		begun := time.Now()
		a.runsOnce().leads()
		time.Sleep(2 * time.Second)
		b := w.nodeDoing("b", job, leader.WithHoldAtLeast(hold))
		assert.ErrorIs(t, b.RunOnce(b.context()), lease.ErrHeld, "a late trigger")
		assert.NoError(t, <-a.result)
		assert.Equal(t, hold, time.Since(begun))
		assert.Equal(t, lease.Free, w.look().State)
		assert.NoError(t, b.RunOnce(b.context()), "the next day")
	})
	inWorld(t, func(w *world) { // and it is told to end meanwhile: the job is done, and the lease runs out
		a := w.nodeDoing("a", func(context.Context) error { time.Sleep(time.Second); return nil }, leader.WithHoldAtLeast(hold))
		a.runsOnce().leads()
		time.Sleep(2 * time.Second)
		told := time.Now()
		assert.NoError(t, a.stop())
		assert.Zero(t, time.Since(told))
		assert.Equal(t, lease.Held, w.look().State)
	})
}

// What is to run before the end of the term runs when the work has returned: the store may fail while the lease is held on.
func TestRunOnce_HoldAtLeastFlushesFirst(t *testing.T) {
	const takes, end = time.Second, 2 * time.Second
	for name, c := range map[string]struct {
		flush func(ctx context.Context)
		fault func(request) // begins when the work has returned
		in    func(*testing.T, func(w *world))
		ends  time.Duration // after the work has returned
	}{
		"the link is cut while the lease is held": {func(context.Context) {}, cut, inWorld, usable - takes},
		"the first look hangs":                    {func(context.Context) {}, firstHangs(), inWorld, length - takes},
		"it takes its time":                       {func(ctx context.Context) { <-ctx.Done() }, nil, inTimedWorld, end / 2},
	} {
		t.Run(name, func(t *testing.T) {
			c.in(t, func(w *world) {
				var flushed time.Time
				a := w.nodeDoing("a", func(ctx context.Context) error {
					lease.BeforeEnd(ctx, func(ctx context.Context) { c.flush(ctx); flushed = time.Now() })
					time.Sleep(takes)
					return nil
				}, leader.WithHoldAtLeast(length), leader.WithEndTimeout(end))
				a.runsOnce().leads()
				<-a.stopped
				a.link.set(c.fault)
				returned := time.Now()
				assert.NoError(t, <-a.result)
				assert.WithinRange(t, flushed, returned, returned.Add(end/2))
				assert.LessOrEqual(t, time.Since(returned), c.ends+time.Millisecond)
			})
		})
	}
	inWorld(t, func(w *world) { // and what is registered while the lease is held, after that
		var work context.Context
		a := w.nodeDoing("a", func(ctx context.Context) error { work = ctx; return nil }, leader.WithHoldAtLeast(length)).runsOnce()
		<-a.stopped
		time.Sleep(every)
		flushed := false
		require.True(t, lease.BeforeEnd(work, func(ctx context.Context) { flushed = ctx.Err() == nil }))
		require.NoError(t, <-a.result)
		require.True(t, flushed)
	})
}

// The look that tells how the lease is to be kept is part of the end of the term, whatever becomes of it.
func TestRunOnce_HoldAtLeastLooks(t *testing.T) {
	job := func(context.Context) error { time.Sleep(time.Second); return nil }
	t.Run("a manager that cannot inspect", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.nodeDoing("a", job, leader.WithHoldAtLeast(length/2), leader.WithLeaseManager(bare{lease.NewManager(w.store)}))
			assert.NoError(t, a.RunOnce(a.context()))
			assert.Zero(t, countEvents(a, func(e leader.Event) bool {
				asked, ok := e.(leader.RequestEvent)
				return ok && asked.Op == leader.OpInspect
			}), "nothing was sent")
		})
	})
	t.Run("told to end meanwhile", func(t *testing.T) {
		inTimedWorld(t, func(w *world) {
			a := w.nodeDoing("a", job, leader.WithHoldAtLeast(length))
			a.runsOnce().leads()
			a.link.set(hang)
			time.Sleep(time.Second + 1)
			assert.NoError(t, a.stop())
			assert.Equal(t, 1, countEvents(a, func(e leader.Event) bool {
				state, ok := e.(leader.StateEvent)
				return ok && state.From == leader.Leading && state.Token == 1 && state.Cause == nil
			}))
		})
	})
}
