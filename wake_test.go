package leader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

type watchFunc func(ctx context.Context, name string) (<-chan struct{}, error)

// watching is a node's way to the store, with hints.
type watching struct {
	*link
	watch watchFunc
}

func (w *watching) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	return w.watch(ctx, name)
}

// inWakingWorld is inWorld with a store that has hints; how many watch it is counted.
func inWakingWorld(t *testing.T, test func(w *world, watch watchFunc, watches *atomic.Int32)) {
	t.Helper()
	store, watches := memory.NewStore(), &atomic.Int32{}
	inWorldOf(t, ageless{store}, func(w *world) {
		test(w, func(ctx context.Context, name string) (<-chan struct{}, error) {
			watches.Add(1)
			context.AfterFunc(ctx, func() { watches.Add(-1) })
			return store.Watch(ctx, name)
		}, watches)
	})
}

// wakeable adds a node that the watch wakes.
func (w *world) wakeable(name string, watch watchFunc, opts ...leader.Option) *node {
	way := &watching{watch: watch}
	n := w.node(name, append([]leader.Option{leader.WithLeaseManager(lease.NewManager(way))}, opts...)...)
	way.link = n.link
	return n
}

// A release wakes the standbys: one leads almost at once, and none asks twice.
func TestWake_ARelease(t *testing.T) {
	inWakingWorld(t, func(w *world, watch watchFunc, watches *atomic.Int32) {
		lead := w.wakeable("leader", watch).run()
		lead.leads()
		assert.Zero(t, watches.Load(), "who leads watches nothing")
		var standbys []*node
		for i := range 4 {
			standbys = append(standbys, w.wakeable(fmt.Sprintf("standby %d", i), watch).run())
		}
		for range 20 {
			time.Sleep(length + every/3)
			synctest.Wait()
			assert.Equal(t, int32(4), watches.Load())
			before, _ := countAll(standbys)
			require.NoError(t, lead.stop())
			released := time.Now()
			next := first(standbys)
			assert.Less(t, time.Since(released), 50*time.Millisecond)
			time.Sleep(100 * time.Millisecond)
			loads, _ := countAll(standbys)
			assert.LessOrEqual(t, loads-before, 4+3, "one look each, and one more of those that lost a race")
			for i, n := range standbys {
				if n == next {
					standbys[i] = lead.run() // again
				}
			}
			lead = next
		}
	})
}

func countAll(nodes []*node) (loads, swaps int) {
	for _, n := range nodes {
		l, s := n.link.counts()
		loads, swaps = loads+l, swaps+s
	}
	return loads, swaps
}

// first waits until one of the nodes leads.
func first(nodes []*node) *node {
	for {
		for _, n := range nodes {
			select {
			case <-n.started:
				return n
			default:
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// R7: while one node leads, standbys that may be woken ask as often as others. A renewal is no news.
func TestWake_RequestsOfAnHour(t *testing.T) {
	inWakingWorld(t, func(w *world, watch watchFunc, _ *atomic.Int32) {
		w.wakeable("leader", watch).run().leads()
		standby := w.wakeable("standby", watch).run()
		time.Sleep(time.Hour)
		synctest.Wait()
		loads, swaps := standby.link.counts()
		assert.Zero(t, swaps)
		assert.InEpsilon(t, int(time.Hour/every), loads, 0.06, "one read an interval, and a little for the jitter")
	})
}

// flood gives hints all the time.
func flood(ctx context.Context, _ string) (<-chan struct{}, error) {
	hints := make(chan struct{})
	go func() {
		defer close(hints)
		for {
			select {
			case hints <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return hints, nil
}

// Hints that come all the time cost ten looks in an acquire interval, and decide nothing: who has crashed is waited for.
func TestWake_AFloodOfHints(t *testing.T) {
	liar := func(context.Context, lease.Info) error { return nil }
	for name, opts := range map[string][]leader.Option{"Watch": nil, "and WithWake": {leader.WithWake(liar), leader.WithWake(liar)}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				lead := w.node("leader").run()
				lead.leads()
				standby := w.wakeable("standby", flood, opts...).run()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				loads, _ := standby.link.counts()
				assert.LessOrEqual(t, loads, 10*int(10*time.Minute/every)+2)
				assert.Greater(t, loads, 9*int(10*time.Minute/every), "the test has found a flood")

				lead.link.set(hang)
				written := w.look().Renewed
				standby.leads()
				assert.GreaterOrEqual(t, time.Since(written), length, "R1: a hint proves nothing")
				assert.LessOrEqual(t, time.Since(written), length+every/10)
			})
		})
	}
}

// Whatever a source of hints does, the node asks at each acquire interval, says so once, and ends in time.
func TestWake_WhatSourcesDo(t *testing.T) {
	broken := errors.New("no hints today")
	byWatch := func(watch watchFunc) func(*world, leader.Option) *node {
		return func(w *world, log leader.Option) *node { return w.wakeable("standby", watch, log) }
	}
	byWake := func(wait func(context.Context) error) func(*world, leader.Option) *node {
		return func(w *world, log leader.Option) *node {
			return w.node("standby", log, leader.WithWake(func(ctx context.Context, _ lease.Info) error { return wait(ctx) }))
		}
	}
	for name, source := range map[string]struct {
		node func(w *world, log leader.Option) *node
		says string
	}{
		"Watch fails":             {byWatch(func(context.Context, string) (<-chan struct{}, error) { return nil, broken }), "no hints today"},
		"Watch panics":            {byWatch(func(context.Context, string) (<-chan struct{}, error) { panic("oh") }), "it panicked: oh"},
		"Watch ends goroutine":    {byWatch(func(context.Context, string) (<-chan struct{}, error) { runtime.Goexit(); return nil, nil }), "Goexit"},
		"Watch closes":            {byWatch(closedWatch), "it has ended by itself"},
		"Watch is silent":         {byWatch(func(context.Context, string) (<-chan struct{}, error) { return nil, nil }), ""},
		"WithWake fails":          {byWake(func(context.Context) error { return broken }), "no hints today"},
		"WithWake panics":         {byWake(func(context.Context) error { panic("oh") }), "it panicked: oh"},
		"WithWake ends goroutine": {byWake(func(context.Context) error { runtime.Goexit(); return nil }), "Goexit"},
		"WithWake is silent":      {byWake(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				log := &lines{}
				lead := w.node("leader").run()
				lead.leads()
				standby := source.node(w, leader.WithLogger(slog.New(slog.NewTextHandler(log, nil)))).run()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				loads, _ := standby.link.counts()
				assert.InEpsilon(t, int(10*time.Minute/every), loads, 0.08, "as many as without")
				assert.Contains(t, log.String(), source.says)
				assert.Equal(t, source.says != "", strings.Count(log.String(), "is not woken") == 1, "%s", log)
				require.NoError(t, lead.stop())
				standby.leads()
				before := time.Now()
				require.NoError(t, standby.stop())
				assert.Zero(t, time.Since(before), "nothing is left behind")
			})
		})
	}
}

func closedWatch(context.Context, string) (<-chan struct{}, error) {
	hints := make(chan struct{})
	close(hints)
	return hints, nil
}

// lines is a log in memory.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A source that does not return when its context ends is called once, however many campaigns there are, and the end of Run leaves it behind.
func TestWake_ASourceThatHangs(t *testing.T) {
	inWorld(t, func(w *world) {
		let, calls := make(chan struct{}), &atomic.Int32{}
		defer close(let)
		a := w.node("a").run()
		a.leads()
		b := w.node("b", leader.WithEndTimeout(time.Second), leader.WithWake(func(context.Context, lease.Info) error {
			calls.Add(1)
			<-let
			return nil
		})).run()
		time.Sleep(time.Minute)
		for range 5 {
			require.NoError(t, a.StepDown(context.Background()))
			b.leads()
			require.NoError(t, b.StepDown(context.Background()))
			a.leads()
			time.Sleep(time.Minute)
		}
		assert.Equal(t, int32(1), calls.Load())
		before := time.Now()
		require.NoError(t, b.stop())
		assert.LessOrEqual(t, time.Since(before), time.Second)
	})
}

// WithWake is told what the latest look has shown, waits no more when another holder is seen or this node leads, and is not called
// again before a look has followed its hint.
func TestWake_FollowsTheHolder(t *testing.T) {
	inWorld(t, func(w *world) {
		type call struct {
			seen lease.Info
			ctx  context.Context
			end  chan error
		}
		calls := make(chan call, 10)
		a := w.node("a", leader.WithAttributes(map[string]string{"address": "of a"})).run()
		a.leads()
		b := w.node("b", leader.WithWake(func(ctx context.Context, seen lease.Info) error {
			c := call{seen, ctx, make(chan error)}
			calls <- c
			select {
			case err := <-c.end:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})).run()
		time.Sleep(10 * time.Minute)
		require.Len(t, calls, 1, "polls of the same holder do not disturb it")
		first := <-calls
		assert.Equal(t, "a", first.seen.Holder)
		assert.Equal(t, "of a", first.seen.Attributes["address"])

		before, _ := b.link.counts()
		first.end <- nil
		synctest.Wait()
		time.Sleep(every / 10)
		after, _ := b.link.counts()
		assert.Equal(t, 1, after-before, "the hint's look")
		require.Len(t, calls, 1)
		second := <-calls

		c := w.node("c").run()
		time.Sleep(time.Second)
		b.link.set(hang) // it does not see a go
		require.NoError(t, a.stop())
		c.leads()
		b.link.set(nil)
		third := <-calls
		assert.Error(t, second.ctx.Err(), "a holds it no more")
		assert.Equal(t, "c", third.seen.Holder)

		require.NoError(t, c.stop())
		b.leads()
		synctest.Wait()
		assert.Error(t, third.ctx.Err(), "this node leads")
		assert.Empty(t, calls)
	})
}

// RunOnce waits for nobody, so it watches nothing; an option that is nil is refused.
func TestWake_Options(t *testing.T) {
	err := leader.New(leader.WhenStarted(func(context.Context) error { return nil }), leader.WithWake(nil)).Run(t.Context())
	assert.ErrorContains(t, err, "WithWake: the function is nil")
	inWakingWorld(t, func(w *world, watch watchFunc, watches *atomic.Int32) {
		w.node("a").run().leads()
		b := w.wakeable("b", watch).runsOnce()
		time.Sleep(every)
		synctest.Wait()
		assert.Zero(t, watches.Load())
		assert.ErrorIs(t, <-b.result, lease.ErrHeld)
	})
}

// Hints that come before a look are answered by it, however many there are.
func TestWake_HintsBeforeALookAreOne(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node("leader").run().leads()
		hints := make(chan struct{}, 1)
		standby := w.wakeable("standby", func(context.Context, string) (<-chan struct{}, error) { return hints, nil }).run()
		time.Sleep(every + every/2) // it has just looked, and looks again in half an interval or so
		synctest.Wait()
		before, _ := standby.link.counts()
		hints <- struct{}{}
		synctest.Wait()
		hints <- struct{}{} // while it draws
		time.Sleep(every / 4)
		synctest.Wait()
		after, _ := standby.link.counts()
		assert.Equal(t, 1, after-before)
		assert.Empty(t, hints)
	})
}
