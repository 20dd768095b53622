package leader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// asks asks the node that leads to hand over.
func (w *world) asks(to string) {
	w.Helper()
	m := lease.NewManager(w.store)
	require.NoError(w, lease.Ask(context.Background(), m, w.look(), lease.Wish{Kind: lease.WishHandover, For: to, By: "an operator"}))
}

// wishes returns what the node was asked since the last call.
func (n *node) wishes() (told []leader.WishEvent) {
	for {
		select {
		case e := <-n.events:
			if asked, ok := e.(leader.WishEvent); ok {
				told = append(told, asked)
			}
		default:
			return told
		}
	}
}

// A hand-over that is asked for through the store is one as by StepDown: the named node leads, within a renew interval and an acquire interval.
func TestAsked_TheNamedNodeLeads(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		w.node("other").run()
		named := w.node("named").run()
		time.Sleep(every / 3)
		begun := time.Now()
		w.asks("named")
		require.EqualValues(t, 2, named.leads().Token())
		require.LessOrEqual(t, time.Since(begun), every+every+2*time.Second)
		told := a.wishes()
		require.Len(t, told, 1)
		require.NoError(t, told[0].Refused)
		require.Equal(t, []any{"named", "an operator", uint64(1)}, []any{told[0].Wish.For, told[0].Wish.By, told[0].Token})
		require.Zero(t, w.look().Wish)
	})
}

// A work that takes its time to stop keeps the lease, and everybody sees that the hand-over has begun.
func TestAsked_WhileTheWorkStops(t *testing.T) {
	inWorld(t, func(w *world) {
		stops := make(chan struct{})
		a := w.node("a", leader.WhenStarted(func(ctx context.Context) error {
			<-ctx.Done()
			require.ErrorIs(t, context.Cause(ctx), leader.ErrStepDown)
			<-stops
			return nil
		})).run()
		time.Sleep(time.Second)
		w.asks("b")
		b := w.node("b").run()
		time.Sleep(3 * length)
		require.Equal(t, lease.WishBegun, w.look().Wish.State)
		require.Equal(t, "b", a.Status().Seen.Wish.For)
		close(stops)
		require.EqualValues(t, 2, b.leads().Token())
	})
}

// A node refuses to hand over to itself, and drops that: then it can be asked again.
func TestAsked_ToItself(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		for range 2 {
			w.asks("a")
			time.Sleep(2*every + time.Second)
			require.Zero(t, w.look().Wish)
			require.Equal(t, leader.Leading, a.Status().State)
			told := a.wishes()
			require.Len(t, told, 1)
			require.ErrorIs(t, told[0].Refused, lease.ErrInvalid)
		}
	})
}

// Nobody goes on with a job that runs once: it cannot be asked to hand over, and a wish that is in its record all the same does nothing.
func TestAsked_AJob(t *testing.T) {
	inWorld(t, func(w *world) {
		done := make(chan struct{})
		a := w.nodeDoing("a", func(ctx context.Context) error {
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}).runsOnce()
		a.leads()
		require.Empty(t, w.look().Heeds)
		m := lease.NewManager(w.store)
		asked := lease.Wish{Kind: lease.WishHandover, For: "b"}
		refused, _ := errors.AsType[*lease.RefusedError](lease.Ask(t.Context(), m, w.look(), asked))
		require.NotNil(t, refused)
		require.Equal(t, lease.RefusedUnheeded, refused.Reason)

		cell, err := w.store.Load(t.Context(), anyName)
		require.NoError(t, err)
		text := `{"heeds":"handover","wish":{"kind":"handover","for":"b","state":"asked","token":1,"nonce":"x"},` + string(cell.Data[1:])
		_, err = w.store.Swap(t.Context(), anyName, cell.Version, []byte(text))
		require.NoError(t, err)
		require.Equal(t, "b", w.look().Wish.For)
		time.Sleep(2 * length)
		require.Equal(t, leader.Leading, a.Status().State)
		require.Zero(t, w.look().Wish)
		require.Empty(t, a.wishes())
		close(done)
		require.NoError(t, <-a.result)
	})
}

// A lease that a caller holds is handed over as a leader's: its context ends.
func TestAsked_AHolder(t *testing.T) {
	inWorld(t, func(w *world) {
		held, err := w.holder("a").acquire()
		require.NoError(t, err)
		waits := w.holder("b").acquiring()
		w.asks("b")
		<-held.Context().Done()
		require.ErrorIs(t, context.Cause(held.Context()), leader.ErrStepDown)
		require.NoError(t, held.Term().Check(), "it is kept until Release")
		require.NoError(t, held.Release(background))
		require.NoError(t, (<-waits).err)
	})
}

// A wish that was withdrawn in time does nothing.
func TestAsked_Withdrawn(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		w.asks("b")
		require.NoError(t, lease.Withdraw(t.Context(), lease.NewManager(w.store), w.look()))
		time.Sleep(3 * length)
		require.Equal(t, leader.Leading, a.Status().State)
		require.EqualValues(t, 1, w.look().Token)
		require.Zero(t, w.look().Wish)
	})
}
