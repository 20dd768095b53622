package leader_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
)

// A leader that gets a hint finds at once what it is asked for, and a standby that the lease is free.
func TestHint_AtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		named := w.node("named").run()
		time.Sleep(every + every/5)
		begun := time.Now()
		w.asks("named")
		a.Hint()
		synctest.Wait()
		time.Sleep(every / 10)
		require.Len(t, a.wishes(), 1)
		named.Hint()
		require.EqualValues(t, 2, named.leads().Token())
		require.LessOrEqual(t, time.Since(begun), every/5)
	})
}

// Hints that come all the time cost ten requests in an interval at most, and no term.
func TestHint_AFlood(t *testing.T) {
	for name, leads := range map[string]bool{"a leader": true, "a standby": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				first, second := w.node("a").run(), w.node("b")
				first.leads()
				second.run()
				flooded := second
				if leads {
					flooded = first
				}
				over := time.Now().Add(2 * time.Minute)
				go func() {
					for ; time.Now().Before(over); time.Sleep(every / 1000) {
						flooded.Hint()
					}
				}()
				time.Sleep(2 * time.Minute)
				loads, swaps := flooded.link.counts()
				assert.LessOrEqual(t, max(loads, swaps), 10*int(2*time.Minute/every)+2)
				assert.Greater(t, max(loads, swaps), 9*int(2*time.Minute/every), "the test has found a flood")
				require.NoError(t, first.Status().Term.Check())
			})
		})
	}
}

// A renewal that was sent before a hint is no answer to it: another one follows.
func TestHint_WhileARenewalIsInFlight(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		w.node("named").run()
		late := make(chan struct{})
		a.link.set(func(q request) {
			q.send()
			<-late
		})
		time.Sleep(every + every/50)
		w.asks("named")
		a.Hint()
		synctest.Wait()
		a.link.set(nil)
		close(late)
		time.Sleep(every / 5)
		require.Len(t, a.wishes(), 1)
	})
}

// A hint brings nothing forward of what follows from a failure (R4).
func TestHint_AfterAFailure(t *testing.T) {
	renewals := func(hinted bool) (n int) {
		inWorld(t, func(w *world) {
			a := w.node("a").run()
			a.leads()
			a.link.set(cut)
			time.Sleep(every + every/50)
			_, before := a.link.counts()
			for range 40 {
				if hinted {
					a.Hint()
				}
				time.Sleep(every / 40)
			}
			_, after := a.link.counts()
			n = after - before
		})
		return n
	}
	require.InDelta(t, renewals(false), renewals(true), 2, "the waits are random")
}

// Without a run, a hint does nothing, and none is left for the next run.
func TestHint_WithoutARun(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		a.Hint()
		a.run()
		a.leads()
		require.NoError(t, a.stop())
		a.Hint()
		a.runsOnce()
		a.leads()
		_, before := a.link.counts()
		time.Sleep(every / 2)
		_, after := a.link.counts()
		require.Equal(t, before, after, "it renews as ever")
	})
}

// A hint brings one look forward, also where a sick node looks without a try: the looks after it come as ever.
func TestHint_ToASickStandby(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node("a").run().leads()
		b := w.node("b", leader.WithHealth(func(context.Context) error {
			time.Sleep(2 * time.Second)
			return errSick
		})).run()
		time.Sleep(length)
		before, _ := b.link.counts()
		b.Hint()
		const looks = 120
		time.Sleep(looks * every)
		after, _ := b.link.counts()
		require.LessOrEqual(t, after-before, looks*108/100)
		require.Greater(t, after-before, looks*9/10, "it does look")
	})
}
