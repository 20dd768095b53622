package leader_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

func TestRun7_StepDown(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		b := w.node("b").run()
		time.Sleep(time.Second)
		require.NoError(t, a.StepDown(context.Background()))
		down := time.Now()
		assert.Equal(t, leader.Standby, a.Status().State)
		assert.ErrorIs(t, <-a.stopped, leader.ErrStepDown)
		assert.Equal(t, lease.Free, w.look().State, "released when StepDown returns")
		b.leads()
		assert.LessOrEqual(t, time.Since(down), every)
		require.NoError(t, b.stop())
		stopped := time.Now()
		a.leads()
		assert.LessOrEqual(t, time.Since(stopped), 2*every, "b has led since: a sits out no longer")
		require.NoError(t, b.StepDown(context.Background()), "nothing to do where nobody leads")
	})
}

func TestRun7_StepDownFromTheWork(t *testing.T) {
	for name, step := range map[string]func(ctx context.Context, l *leader.Leader) error{
		"StepDown": func(ctx context.Context, l *leader.Leader) error {
			assert.NoError(t, l.StepDown(ctx), "it does not wait for itself")
			return nil
		},
		"StepDown, then waits":  func(ctx context.Context, l *leader.Leader) error { _ = l.StepDown(ctx); <-ctx.Done(); return ctx.Err() },
		"returns ErrStepDown":   func(context.Context, *leader.Leader) error { return leader.ErrStepDown },
		"returns it in wrapper": func(context.Context, *leader.Leader) error { return fmt.Errorf("enough: %w", leader.ErrStepDown) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var a *node
				a = w.nodeDoing("a", func(ctx context.Context) error {
					time.Sleep(time.Second)
					if err := step(ctx, a.Leader); err != nil || name != "StepDown" {
						return err
					}
					<-ctx.Done()
					return nil
				})
				a.run().leads()
				<-a.stopped
				down := time.Now()
				assert.EqualValues(t, 2, a.leads().Token())
				assert.Equal(t, length, time.Since(down))
			})
		})
	}
}

func TestRun7_StepDownGivesUpWaiting(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil })
		a.run().leads()
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("too long"))
		defer cancel()
		assert.EqualError(t, a.StepDown(ctx), "too long")
		close(goOn)
	})
}

func TestRun7_Unhealthy(t *testing.T) {
	inWorld(t, func(w *world) {
		sick := errors.New("disk is full")
		var health atomic.Pointer[error]
		a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, leader.WithHealth(func(context.Context) error {
			if err := health.Load(); err != nil {
				return *err
			}
			return nil
		}))
		a.run().leads()
		b := w.node("b").run()
		health.Store(&sick)
		cause := <-a.stopped
		assert.ErrorIs(t, cause, leader.ErrUnhealthy)
		assert.ErrorIs(t, cause, sick)
		b.leads()
		require.NoError(t, b.stop())
		_, swaps := a.link.counts()
		time.Sleep(time.Hour)
		_, more := a.link.counts()
		assert.Equal(t, swaps, more, "it does not campaign while it is unhealthy")
		health.Store(nil)
		well := time.Now()
		a.leads()
		assert.LessOrEqual(t, time.Since(well), every)
	})
}
