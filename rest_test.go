package leader_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// Run 7: a node that gave the lease up sits out until every standby has had a look at it. Alone, it shows how long that is.
func TestRun7_HowLongANodeSitsOut(t *testing.T) {
	const (
		look   = time.Second   // takes a request, at most
		others = every * 9 / 8 // an acquire interval of a standby whose clock is slower by a tenth
	)
	sick := errors.New("disk is full")
	for name, c := range map[string]struct {
		opts        []leader.Option
		up          func(w *world, a *node) // makes it give the lease up
		least, most time.Duration           // from the release to the next term
	}{
		"StepDown": {
			up:    func(w *world, a *node) { require.NoError(w, a.StepDown(context.Background())) },
			least: length, most: length + look,
		},
		"StepDown, asked for seldom": {
			opts:  []leader.Option{leader.WithAcquireEvery(time.Minute)},
			up:    func(w *world, a *node) { require.NoError(w, a.StepDown(context.Background())) },
			least: time.Minute * 9 / 8, most: time.Minute*9/8 + look,
		},
		"ill health": {
			up: func(w *world, a *node) {
				a.health.Store(&sick)
				<-a.stopped
				a.health.Store(nil)
			},
			least: others, most: others + look,
		},
		"its deadline": {
			up: func(w *world, a *node) {
				a.link.set(hang)
				<-a.stopped
				a.link.set(nil)
			},
			least: others, most: others + look + time.Second,
		},
		"a release that was not acknowledged": {
			up: func(w *world, a *node) {
				a.link.set(cut)
				go func() { _ = a.StepDown(context.Background()) }()
				<-a.stopped
				time.Sleep(every)
				a.link.set(nil)
			},
			least: length, most: length + 2*every + look,
		},
		"broken": {
			up: func(w *world, a *node) {
				require.NoError(w, lease.Break(context.Background(), lease.NewManager(w.store), w.look()))
				<-a.stopped
			},
			least: length + others, most: length + others + 2*look,
		},
		"broken, and StepDown before it knows": {
			up: func(w *world, a *node) {
				require.NoError(w, lease.Break(context.Background(), lease.NewManager(w.store), w.look()))
				require.NoError(w, a.StepDown(context.Background()))
				assert.True(w, a.Status().Seen.Broken)
			},
			least: length + others, most: length + others + 2*look,
		},
		"StepDown, and the answer to the release is lost": {
			up: func(w *world, a *node) {
				a.link.set(func(q request) { a.link.set(nil); loseAnswers(q) })
				require.NoError(w, a.StepDown(context.Background()))
				assert.Equal(w, lease.Free, a.Status().Seen.State)
			},
			least: length, most: length + look,
		},
	} {
		for way, takesPart := range inRuns {
			t.Run(name+", "+way, func(t *testing.T) {
				inWorld(t, func(w *world) {
					a := takesPart(w, "a", c.opts...)
					a.leads()
					time.Sleep(2 * time.Second)
					c.up(w, a)
					gaveUp := time.Now()
					a.leads()
					assert.GreaterOrEqual(t, time.Since(gaveUp), c.least, "%s", w.story())
					assert.LessOrEqual(t, time.Since(gaveUp), c.most, "%s", w.story())
				})
			})
		}
	}
}

// A node that is sick now and then, or that can acquire but not renew, does not keep the lease from those who are well.
func TestRun7_WhoIsWellLeads(t *testing.T) {
	for name, fault := range map[string]func(a *node){
		"unhealthy once in 20 s": func(a *node) {
			sick := errors.New("hiccup")
			for range 40 * 3 {
				time.Sleep(18*time.Second + time.Duration(rand.Int64N(1e9))) // it is met now and then
				a.health.Store(&sick)
				time.Sleep(time.Second)
				a.health.Store(nil)
			}
		},
		"can acquire, but not renew": func(a *node) {
			a.way.Set(leadertest.Hang, leadertest.Renew)
			time.Sleep(40 * time.Minute)
		},
		"can acquire, but neither renew nor release": func(a *node) {
			a.way.Set(leadertest.Hang, leadertest.Renew, leadertest.Release)
			time.Sleep(40 * time.Minute)
		},
	} {
		for way, takesPart := range inRuns {
			t.Run(name+", "+way, func(t *testing.T) {
				inWorld(t, func(w *world) {
					a := takesPart(w, "a", quiet())
					a.leads()
					b := w.node("b", quiet()).run()
					done := make(chan struct{})
					go func() { defer close(done); fault(a) }()
					<-done
					b.leads()
					assert.Empty(t, b.stopped, "the first time that a gave it up, b had it, and keeps it")
					assert.Empty(t, a.started, "%s", w.story())
				})
			})
		}
	}
}

// Nobody has led by an acquisition that was undone: it does not end the time in which a node sits out.
func TestRun7_AnAcquisitionThatWasUndone(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b, writes := w.node("a"), w.node("b"), 0
		b.link.set(func(q request) {
			q.send()
			if q.op == "swap" {
				if writes++; writes%2 == 1 { // the acquisition; the next one undoes it
					*q.err = errLost
				}
			}
		})
		a.run().leads()
		b.run()
		require.NoError(t, a.StepDown(background))
		gaveUp := time.Now()
		time.Sleep(2 * every)
		require.True(t, w.look().NoTerm)
		require.Greater(t, w.look().Token, uint64(1))
		a.leads()
		require.GreaterOrEqual(t, time.Since(gaveUp), length, "%s", w.story())
		require.Empty(t, b.started)
	})
}

// StepDown hands the lease to a standby that asks seldom: nobody takes it back before that has looked.
func TestRun7_StepDownWaitsForWhoAsksSeldom(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WithAcquireEvery(time.Minute)).run()
		a.leads()
		b := w.node("b", leader.WithAcquireEvery(time.Minute)).run()
		time.Sleep(5 * time.Second)
		require.NoError(t, a.StepDown(context.Background()))
		b.leads()
		assert.Empty(t, a.started)
	})
}

// Health is asked during the wait between two tries, not on top of it.
func TestRun1_HealthIsAskedDuringTheWait(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node("other").run().leads()
		var asked atomic.Int32
		b := w.node("b", leader.WithHealth(func(context.Context) error {
			asked.Add(1)
			time.Sleep(2 * time.Second)
			return nil
		})).run()
		time.Sleep(time.Minute)
		before, _ := b.link.counts()
		time.Sleep(10 * time.Minute)
		after, _ := b.link.counts()
		assert.GreaterOrEqual(t, after-before, int(10*time.Minute/every), "not one in seven seconds")
		assert.InDelta(t, after, int(asked.Load()), 2, "once a try")
	})
}

// After: a first failure of the check is not ill health yet.
func TestHealth_After(t *testing.T) {
	inWorld(t, func(w *world) {
		var fail atomic.Int32
		a := w.node("a", leader.WithHealth(func(context.Context) error {
			if fail.Add(-1) >= 0 {
				return errors.New("hiccup")
			}
			return nil
		}, leader.After(3))).run()
		a.leads()
		fail.Store(2)
		time.Sleep(10 * every)
		synctest.Wait()
		assert.Empty(t, a.stopped, "two failures in a row are none")
		assert.NoError(t, a.Status().Health)
		fail.Store(1000)
		began := time.Now()
		assert.ErrorIs(t, <-a.stopped, leader.ErrUnhealthy)
		assert.Greater(t, time.Since(began), 2*every)
		assert.LessOrEqual(t, time.Since(began), 3*every)
		time.Sleep(time.Minute)
		assert.ErrorIs(t, a.Status().Health, leader.ErrUnhealthy)
		assert.NoError(t, a.Status().Err, "it is not the store's fault")
		fail.Store(0)
		a.leads()
		synctest.Wait()
		assert.NoError(t, a.Status().Health)
	})
	err := leader.New(leader.WhenStarted(func(context.Context) error { return nil }), leader.WithHealth(func(context.Context) error { return nil }, leader.After(0))).Run(t.Context())
	assert.ErrorContains(t, err, "WithHealth: After(0): at least one failure")
}

// A check that hangs counts once an interval, and its context ends with Run.
func TestHealth_HangsUntilRunEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		var hang atomic.Bool
		let := make(chan error, 1)
		a := w.node("a", leader.WithHealth(func(ctx context.Context) error {
			if hang.Load() {
				<-ctx.Done()
				let <- context.Cause(ctx)
			}
			return nil
		}, leader.After(2)), leader.WithLeaseLength(time.Hour), leader.WithEndTimeout(time.Second)).run()
		a.leads()
		hang.Store(true)
		time.Sleep(20*time.Minute + time.Second)
		require.NoError(t, a.stop())
		select {
		case <-let:
		default:
			t.Error("the check goes on when Run has ended")
		}
	})
}
