package leader_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

func TestPause(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		require.NoError(t, a.Pause(background))
		assert.ErrorIs(t, <-a.stopped, leader.ErrStepDown)
		assert.Equal(t, lease.Free, w.look().State)
		_, swaps := a.link.counts()
		time.Sleep(10 * length)
		s := a.Status()
		assert.Equal(t, leader.Standby, s.State)
		assert.True(t, s.Paused)
		_, now := a.link.counts()
		assert.Equal(t, swaps, now, "it does not ask, and nobody leads")
		require.NoError(t, a.Pause(background), "again")

		b := w.node("b").run()
		b.leads()
		time.Sleep(length)
		assert.Equal(t, "b", a.Status().Seen.Holder, "it knows who leads")
		assert.Less(t, time.Since(a.Status().Contact), 2*every)
		require.NoError(t, b.stop())
		a.Resume()
		a.Resume()
		resumed := time.Now()
		a.leads()
		assert.LessOrEqual(t, time.Since(resumed), every)
		assert.False(t, a.Status().Paused)
	})
}

// An acquisition in flight is given back, and a node may be paused before it runs.
func TestPause_InFlight(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		sent, answer := make(chan struct{}), make(chan struct{})
		a.link.set(func(q request) {
			q.send()
			if q.op == "swap" {
				a.link.set(nil)
				close(sent)
				<-answer
			}
		})
		a.run()
		<-sent
		go func() {
			time.Sleep(time.Second)
			close(answer)
		}()
		require.NoError(t, a.Pause(background))
		assert.Equal(t, lease.Free, w.look().State, "given back when Pause returns")
		time.Sleep(10 * length)
		assert.Empty(t, a.started)
		require.NoError(t, a.stop())
		a.run()
		time.Sleep(10 * length)
		assert.Empty(t, a.started, "it is still paused")
		a.Resume()
		a.leads()
	})
}

func TestPause_RunOnceAndAcquire(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		require.NoError(t, a.Pause(background))
		require.ErrorIs(t, a.RunOnce(a.context()), leader.ErrPaused)

		b := w.holder("b", leader.WithPatience(time.Minute))
		require.NoError(t, b.Pause(background))
		begun := time.Now()
		_, err := b.acquire()
		require.ErrorIs(t, err, leader.ErrPaused)
		assert.Equal(t, time.Minute, time.Since(begun))
		waits := b.acquiring()
		time.Sleep(time.Second)
		b.Resume()
		got := <-waits
		require.NoError(t, got.err)
		go func() {
			<-got.held.Context().Done()
			assert.NoError(t, got.held.Release(background))
		}()
		require.NoError(t, b.Pause(background), "it waits for Release")
		require.ErrorIs(t, got.held.Term().Check(), lease.ErrLost)
	})
}
