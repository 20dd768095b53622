package leader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
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

// The loss of the outer's lease is not one of the inner's, which it still holds, or never had.
func TestNested_WhatTheInnerLogs(t *testing.T) {
	for name, leads := range map[string]bool{"leads": true, "stands by": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var out bytes.Buffer
				m := memory.New()
				if !leads {
					m.AssignLeader("inner", "another")
				}
				inner := leader.New(leader.WithLeaseManager(m), leader.WithLeaseName("inner"), leader.WithNodeID("in"),
					leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
					leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }))
				outer := w.nodeDoing("outer", inner.Run)
				outer.run().leads()
				time.Sleep(length + every/2) // between two renewals
				w.force("somebody", false)
				require.ErrorIs(t, <-outer.stopped, lease.ErrLost)
				synctest.Wait()
				assert.NotContains(t, out.String(), "lease is lost")
				assert.Contains(t, out.String(), map[bool]string{true: "this node is to lead no more: ", false: "this node was asked to stop, "}[leads])
			})
		})
	}
}

// That another node has the inner's lease is the failure of the outer's work, not the state of the outer's lease.
func TestNested_WhatTheOuterLogs(t *testing.T) {
	for name, run := range map[string]func(*leader.Leader, context.Context) error{"Run": (*leader.Leader).Run, "RunOnce": (*leader.Leader).RunOnce} {
		for _, inners := range []string{"inner", anyName} {
			t.Run(name+" around "+inners, func(t *testing.T) {
				inWorld(t, func(w *world) {
					var out bytes.Buffer
					m := memory.New()
					m.AssignLeader(inners, "another")
					inner := leader.New(leader.WithLeaseManager(m), leader.WithLeaseName(inners), quiet(),
						leader.WhenStarted(func(context.Context) error { return nil }))
					outer := w.nodeDoing("outer", inner.RunOnce, leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
					for range 2 {
						require.Error(t, run(outer.Leader, outer.context()))
					}
					assert.NotContains(t, out.String(), "another node has the lease")
					assert.Equal(t, 2, strings.Count(out.String(), "ended with an error"))
				})
			})
		}
	}
}
