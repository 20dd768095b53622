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
	"github.com/cloudlease/leader/lease/memory"
)

// A leader within another's work: each hears of its own ends only.
func TestNested(t *testing.T) {
	sick := errors.New("the outer is sick")
	inWorld(t, func(w *world) {
		inner := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLeaseName("inner"), quiet(),
			leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }))
		var got, once error
		begun := time.Now()
		outer := w.nodeDoing("outer", func(ctx context.Context) error {
			got = inner.Run(ctx)
			return nil
		}, leader.WithHeartbeat(time.Second, func(context.Context, bool) error {
			if time.Since(begun) > time.Minute {
				return sick
			}
			return nil
		}))
		assert.Equal(t, sick, outer.Run(outer.context()))
		assert.NoError(t, got, "to the inner, it is ctx that ended")

		begun = time.Now()
		other := w.nodeDoing("other", func(ctx context.Context) error {
			once = inner.RunOnce(ctx)
			return nil
		})
		other.run()
		time.Sleep(time.Minute + time.Second) // not at the moment of a renewal
		require.ErrorIs(t, inner.Status().Term.Check(), nil)
		w.force("somebody", false)
		<-other.stopped
		assert.ErrorIs(t, once, lease.ErrLost)
		synctest.Wait()
	})
	inWorld(t, func(w *world) { // StepDown of the outer, from the inner's work
		var outer *node
		inner := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLeaseName("inner"), quiet(),
			leader.WhenStarted(func(ctx context.Context) error {
				assert.NoError(t, outer.StepDown(ctx), "it does not wait for itself")
				<-ctx.Done()
				return ctx.Err()
			}))
		outer = w.nodeDoing("outer", inner.Run)
		outer.run().leads()
		assert.ErrorIs(t, <-outer.stopped, leader.ErrStepDown)
	})
}
