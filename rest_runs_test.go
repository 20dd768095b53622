package leader_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// inRuns are ways in which a program takes part for long: in one run, or in one after the other.
var inRuns = map[string]func(w *world, name string, opts ...leader.Option) *node{
	"in one run": func(w *world, name string, opts ...leader.Option) *node { return w.node(name, opts...).run() },
	"Run, again and again": func(w *world, name string, opts ...leader.Option) *node {
		var end context.CancelFunc // of the Run that runs
		n := w.nodeDoing(name, func(ctx context.Context) error {
			<-ctx.Done()
			end()
			return nil
		}, opts...)
		return n.runs(func(ctx context.Context) error {
			for ctx.Err() == nil {
				one, cancel := context.WithCancel(ctx)
				end = cancel
				assert.NoError(w, n.Run(one))
				cancel()
			}
			return nil
		})
	},
	"Acquire, again and again": func(w *world, name string, opts ...leader.Option) *node {
		n := w.holder(name, opts...)
		return n.runs(func(ctx context.Context) error {
			for ctx.Err() == nil {
				held, err := n.Acquire(ctx)
				if err != nil {
					continue
				}
				_ = n.work(func(ctx context.Context) error { <-ctx.Done(); return nil })(held.Context())
				_ = held.Release(background)
			}
			return nil
		})
	},
}

// Run 7: a run that begins later waits only for what is left of the time, and no longer once another node has had the lease. One that
// ended the lease by itself leaves nothing to wait for.
func TestRun7_ARunThatBeginsLater(t *testing.T) {
	stepDown := func(_ *world, a *node, held *leader.Held) {
		go func() { _ = a.StepDown(background) }()
		<-held.Context().Done()
	}
	for name, c := range map[string]struct {
		ends        func(w *world, a *node, held *leader.Held)
		later       time.Duration // after the release
		least, most time.Duration // from the release to the next term
	}{
		"at once":                {ends: stepDown, least: length, most: length},
		"when most is over":      {ends: stepDown, later: length - time.Second, least: length, most: length},
		"when all is over":       {ends: stepDown, later: 2 * length, least: 2 * length, most: 2 * length},
		"the caller releases it": {ends: func(*world, *node, *leader.Held) {}},
		"ctx ends": {ends: func(_ *world, a *node, held *leader.Held) {
			a.cancel(nil)
			<-held.Context().Done()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.holder("a")
				held, err := a.acquire()
				require.NoError(t, err)
				c.ends(w, a, held)
				require.NoError(t, held.Release(background))
				released := time.Now()
				time.Sleep(c.later)
				_, err = a.acquire()
				require.NoError(t, err)
				assert.GreaterOrEqual(t, time.Since(released), c.least)
				assert.LessOrEqual(t, time.Since(released), c.most)
			})
		})
	}
	t.Run("another node has had it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.holder("a")
			held, err := a.acquire()
			require.NoError(t, err)
			stepDown(w, a, held)
			require.NoError(t, held.Release(background))
			released := time.Now()
			w.force("other", true)
			_, err = a.acquire()
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(released), every*9/8)
		})
	})
	t.Run("RunOnce", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a").runsOnce()
			a.leads()
			require.NoError(t, a.StepDown(background))
			require.ErrorIs(t, <-a.result, leader.ErrStepDown)
			released := time.Now()
			a.runsOnce().leads()
			assert.Zero(t, time.Since(released), "it tries at once")
		})
	})
}

// The wait for a lease ends with the patience, though the node does not try before it has sat out.
func TestRun7_Patience(t *testing.T) {
	const patience = 7 * time.Second
	for _, taken := range []bool{false, true} {
		inWorld(t, func(w *world) {
			a := w.holder("a", leader.WithPatience(patience), leader.WithAcquireEvery(time.Minute))
			held, err := a.acquire()
			require.NoError(t, err)
			go func() { _ = a.StepDown(background) }()
			<-held.Context().Done()
			require.NoError(t, held.Release(background))
			if taken {
				w.force("other", false)
			}
			begun := time.Now()
			_, err = a.acquire()
			assert.ErrorContains(t, err, `leader: the lease "leader" was not acquired within 7s: `)
			assert.Equal(t, patience, time.Since(begun))
			assert.Equal(t, taken, errors.Is(err, lease.ErrHeld), "%v", err)
		})
	}
}

// In a user's test in virtual time, a node that has given nothing up asks at once.
func TestRest_InABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := leader.New(
			leader.WithLeaseManager(memory.New()), leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(func(context.Context) error { return nil }),
		).Run(t.Context())
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
	})
}
