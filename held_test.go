package leader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// acquires has what Acquire returned.
type acquires struct {
	held *leader.Held
	err  error
}

// acquire calls Acquire, and waits for it.
func (n *node) acquire() (*leader.Held, error) {
	got := <-n.acquiring()
	return got.held, got.err
}

// acquiring calls Acquire, and does not wait for it.
func (n *node) acquiring() <-chan acquires {
	ctx, result := n.context(), make(chan acquires, 1)
	go func() {
		held, err := n.Acquire(ctx)
		n.keeps(held)
		result <- acquires{held, err}
	}()
	return result
}

// keeps has the world release the lease in the end.
func (n *node) keeps(held *leader.Held) {
	if held != nil {
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		n.w.kept = append(n.w.kept, held)
	}
}

var background = context.Background()

func TestAcquire_WaitsAndIsKept(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.holder("a")
		held, err := a.acquire()
		require.NoError(t, err)
		assert.EqualValues(t, 1, held.Term().Token())
		assert.Equal(t, leader.Leading, a.Status().State)
		waits := w.holder("b").acquiring()
		time.Sleep(10 * length)
		require.NoError(t, held.Term().Check(), "it is renewed")
		require.NoError(t, held.Context().Err())
		require.NoError(t, leader.SetValue(held.Context(), "as in a work"))
		assert.Empty(t, waits)

		require.NoError(t, held.Release(background))
		require.NoError(t, held.Release(background), "again")
		assert.Equal(t, leader.Idle, a.Status().State)
		require.ErrorIs(t, held.Term().Check(), lease.ErrLost)
		require.ErrorIs(t, context.Cause(held.Context()), lease.ErrLost)
		released := time.Now()
		b := <-waits
		require.NoError(t, b.err)
		assert.LessOrEqual(t, time.Since(released), every)
		assert.EqualValues(t, 2, b.held.Term().Token())
		assert.Equal(t, "as in a work", leader.Value(b.held.Context()))

		again := a.acquiring()
		time.Sleep(length)
		require.NoError(t, b.held.Release(background))
		require.NoError(t, (<-again).err, "one after the other")
	})
}

func TestAcquire_Patience(t *testing.T) {
	const patience = 7 * time.Second
	inTimedWorld(t, func(w *world) {
		a, err := w.holder("a").acquire()
		require.NoError(t, err)
		b := w.holder("b", leader.WithPatience(patience))
		begun := time.Now()
		_, err = b.acquire()
		require.ErrorIs(t, err, lease.ErrHeld)
		require.ErrorContains(t, err, `leader: the lease "leader" was not acquired within 7s: `)
		by, _ := errors.AsType[*lease.HeldError](err)
		assert.Equal(t, "a", by.Info.Holder)
		assert.Equal(t, patience, time.Since(begun), "with a last try in the end")

		waits := b.acquiring()
		time.Sleep(patience - time.Millisecond)
		require.NoError(t, a.Release(background))
		got := <-waits
		require.NoError(t, got.err, "it was free at the last try")
		time.Sleep(10 * patience)
		require.NoError(t, got.held.Term().Check(), "the patience is for the wait alone")
	})
}

// The wait ends with the patience, even if the lease was acquired too late for a term, as the machine slept, and is left to
// the others for longer.
func TestAcquire_PatienceWhileSittingOut(t *testing.T) {
	for name, hurt := range map[string]func(m *hosttest.Machine){
		"the machine sleeps": func(m *hosttest.Machine) {
			m.Suspend()
			time.AfterFunc(time.Minute, m.Resume)
		},
		"its wall clock steps": func(m *hosttest.Machine) { m.StepWall(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.holder("a", leader.WithPatience(2*time.Second), leader.WithAcquireEvery(time.Minute))
				a.link.set(func(q request) {
					if q.op == "swap" {
						a.link.set(nil)
						hurt(a.machine)
					}
					q.send()
				})
				begun := a.machine.Read().Mono
				_, err := a.acquire()
				require.ErrorContains(t, err, "was not acquired within 2s: this node has given it up, and leaves it to the others for a while")
				require.LessOrEqual(t, a.machine.Read().Mono-begun, 4*time.Second)
			})
		})
	}
}

// The wait ends with the patience, also if the node stops sitting out because another one has the lease.
func TestAcquire_PatienceAfterSittingOut(t *testing.T) {
	const patience = 7 * time.Second
	inWorld(t, func(w *world) {
		a := w.holder("a", leader.WithPatience(patience))
		a.link.set(func(q request) {
			q.send()
			if q.op == "swap" { // too late for a term
				a.link.set(nil)
				a.machine.StepWall(time.Hour)
				w.node("b").run()
			}
		})
		begun := time.Now()
		_, err := a.acquire()
		require.ErrorIs(t, err, lease.ErrHeld)
		require.Equal(t, patience, time.Since(begun))
	})
}

// As with Run, it is the caller who panics.
func TestAcquire_NilContext(t *testing.T) {
	var none context.Context
	require.Panics(t, func() { _, _ = leader.New(quiet()).Acquire(none) })
}

// What ends the wait, and what does not.
func TestAcquire_Failures(t *testing.T) {
	why := errors.New("deploy")
	inWorld(t, func(w *world) {
		a := w.holder("a", leader.WithPatience(time.Nanosecond*1e6))
		a.link.set(cut)
		_, err := a.acquire()
		require.ErrorIs(t, err, errLost, "the last try's")
		a.link.set(nil)

		_, err = a.acquire()
		require.NoError(t, err, "one try at least")
		_, err = a.Acquire(background)
		require.ErrorIs(t, err, leader.ErrRunning)
		require.ErrorIs(t, a.Run(background), leader.ErrRunning)

		b := w.holder("b")
		waits := b.acquiring()
		time.Sleep(time.Minute)
		b.cancel(why)
		assert.Equal(t, why, (<-waits).err)

		_, err = w.node("c").Acquire(background)
		require.EqualError(t, err, "leader: WhenStarted: Acquire runs no work: leave the function out, or call Run")
		require.ErrorContains(t, w.holder("d").Run(background), "WhenStarted: there is no work")
	})
}

// A lease that is over, or is to end, tells its holder so, and Release says what became of it.
func TestAcquire_Ends(t *testing.T) {
	why, sick := errors.New("deploy"), errors.New("sick")
	for name, c := range map[string]struct {
		opts  []leader.Option
		do    func(w *world, a *node) // a second after the acquisition
		cause error                   // of the context
		kept  bool                    // until Release
		want  error                   // of Release; nil: none
	}{
		"ctx ends":               {do: func(_ *world, a *node) { a.cancel(why) }, cause: why, kept: true},
		"StepDown":               {do: func(w *world, a *node) { go a.StepDown(background) }, cause: leader.ErrStepDown, kept: true},
		"the health check fails": {do: func(_ *world, a *node) { a.health.Store(&sick) }, cause: leader.ErrUnhealthy, kept: true},
		"another node has it":    {do: func(w *world, a *node) { w.force("other", true) }, cause: lease.ErrLost, want: lease.ErrLost},
		"the store is gone":      {do: func(_ *world, a *node) { a.link.set(hang) }, cause: lease.ErrLost, want: lease.ErrLost},
		"WithStopTimeout": {
			opts: []leader.Option{leader.WithStopTimeout(time.Second)},
			do:   func(_ *world, a *node) { a.cancel(why) }, cause: why, want: leader.ErrStopTimeout,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.holder("a", c.opts...)
				held, err := a.acquire()
				require.NoError(t, err)
				time.Sleep(time.Second)
				c.do(w, a)
				<-held.Context().Done()
				require.ErrorIs(t, context.Cause(held.Context()), c.cause)
				time.Sleep(3 * length)
				if c.kept {
					require.NoError(t, held.Term().Check(), "kept until Release")
				}
				err = held.Release(background)
				if c.want == nil {
					require.NoError(t, err)
					assert.Equal(t, lease.Free, w.look().State)
				} else {
					require.ErrorIs(t, err, c.want)
				}
				require.Error(t, held.Term().Check(), "over when Release has returned")
				a.link.set(nil)
				a.health.Store(nil)
				_, err = a.acquire()
				require.NoError(t, err, "and the next may be acquired")
			})
		})
	}
}

func TestAcquire_ReleaseIsNotAcknowledged(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.holder("a")
		held, err := a.acquire()
		require.NoError(t, err)
		a.link.set(hang)
		ctx, cancel := context.WithTimeoutCause(background, time.Millisecond, errors.New("too long"))
		defer cancel()
		require.EqualError(t, held.Release(ctx), "too long")
		begun := time.Now()
		require.ErrorContains(t, held.Release(background), "leader: the lease was not given back, and runs out: ")
		assert.LessOrEqual(t, time.Since(begun), every, "WithEndTimeout")
		a.link.set(nil)
		_, err = a.acquire()
		require.NoError(t, err, "the lease has run out")
	})
}

// R8: a lease that was acquired too late is not the caller's, who waits on. A node that is told not to lead is not made to.
func TestAcquire_Declines(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.holder("a")
		a.link.set(func(q request) {
			q.send()
			if q.op == "swap" {
				a.link.set(nil)
				time.AfterFunc(usable, a.machine.Resume)
				a.machine.Suspend()
			}
		})
		held, err := a.acquire()
		require.NoError(t, err)
		assert.EqualValues(t, 2, held.Term().Token())
		require.NoError(t, held.Term().Check())

		b := w.holder("b")
		require.NoError(t, held.Release(background))
		b.link.set(func(q request) {
			if q.op == "swap" {
				go b.StepDown(background)
				time.Sleep(time.Millisecond)
			}
			q.send()
		})
		_, err = b.acquire()
		require.ErrorIs(t, err, leader.ErrStepDown)
	})
}
