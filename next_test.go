package leader_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// look is how long the others leave a lease to the node that was named: an acquire interval and a request.
const look = every + time.Second

func TestStepDownTo_TheNamedNodeLeads(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a").run()
				a.leads()
				named := w.node("named")
				for i := range 6 {
					if i == n%6 {
						named.run()
					}
					w.node(fmt.Sprintf("other-%d", i)).run()
					time.Sleep(time.Duration(n) * every / 9)
				}
				synctest.Wait() // each has asked for the lease
				require.NoError(t, a.StepDown(context.Background(), leader.To("named")))
				down := time.Now()
				require.Equal(t, "named", w.look().Next)
				require.EqualValues(t, 2, named.leads().Token())
				require.LessOrEqual(t, time.Since(down), every)
				require.Empty(t, w.look().Next, "it dies with the release")
			})
		})
	}
}

func TestStepDownTo_ANodeThatIsDown(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		b := w.node("b").run()
		time.Sleep(every)
		require.NoError(t, a.StepDown(context.Background(), leader.To("nobody")))
		down := time.Now()
		b.leads()
		require.LessOrEqual(t, time.Since(down), every+look, "L1 with one acquire interval more")
		require.Greater(t, time.Since(down), look-every/16, "it has waited")
	})
}

func TestStepDownTo_WhatIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		for _, opts := range [][]leader.StepDownOption{{leader.To("a")}, {leader.To("")}, {leader.To("b\n")}, {nil}, {leader.To("b"), leader.To("a")}} {
			require.ErrorIs(t, a.StepDown(context.Background(), opts...), lease.ErrInvalid)
		}
		require.Equal(t, leader.Leading, a.Status().State)
	})
}

// RunOnce has one try, and does not yield.
func TestStepDownTo_RunOnceDoesNotYield(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		require.NoError(t, a.StepDown(context.Background(), leader.To("nobody")))
		once := leader.New(leader.WithLeaseManager(lease.NewManager(w.store)), leader.WhenStarted(func(context.Context) error { return nil }))
		require.NoError(t, once.RunOnce(context.Background()))
	})
}

// skewed is a store that knows how old a record is to three seconds, as those of the clouds do.
type skewed struct{ lease.Store }

func (s skewed) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := s.Store.Load(ctx, name)
	snapshot.Age = max(snapshot.Age-3*time.Second, 1)
	return snapshot, err
}

// Who hands over sits out until each of the others has yielded for as long as it does, also one that seldom looks.
func TestStepDownTo_SitsOutUntilTheOthersHaveYielded(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorldOf(t, skewed{memory.NewStore()}, func(w *world) {
				a := w.node("a", leader.WithAcquireEvery(length)).run()
				a.leads()
				b := w.node("b", leader.WithAcquireEvery(length)).run()
				time.Sleep(time.Second + time.Duration(n)*length/16)
				require.NoError(t, a.StepDown(context.Background(), leader.To("nobody")))
				down := time.Now()
				require.EqualValues(t, 2, b.leads().Token())
				require.LessOrEqual(t, time.Since(down), 2*length+time.Second)
			})
		})
	}
}
