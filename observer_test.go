package leader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// One stuck observer starves no other.
func TestObserver_OneIsStuck(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var states int
		a := w.node("a", leader.WithObserver(func(leader.Event) { <-block }), leader.WithObserver(func(e leader.Event) {
			if _, ok := e.(leader.StateEvent); ok {
				states++
			}
		})).run()
		a.leads()
		require.NoError(t, a.StepDown(context.Background()))
		synctest.Wait()
		assert.Equal(t, 4, states, "standby, leading, stopping, standby")
		close(block)
	})
}

// A lease that is lost while its work drains is told by an event, and after a panic the events say so.
func TestObserver_Causes(t *testing.T) {
	states := func(to *[]leader.StateEvent) leader.Option {
		return leader.WithObserver(func(e leader.Event) {
			if s, ok := e.(leader.StateEvent); ok {
				*to = append(*to, s)
			}
		})
	}
	t.Run("lost while it drains", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var got []leader.StateEvent
			a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Minute); return nil }, states(&got))
			a.run().leads()
			why := errors.New("deploy")
			a.cancel(why)
			a.link.set(cut)
			assert.NoError(t, <-a.result)
			require.Len(t, got, 5)
			assert.Equal(t, why, got[2].Cause)
			assert.Equal(t, []leader.State{leader.Stopping, leader.Stopping}, []leader.State{got[3].From, got[3].To})
			assert.ErrorIs(t, got[3].Cause, lease.ErrLost)
			assert.Equal(t, leader.Idle, got[4].To)
		})
	})
	t.Run("panic", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var got []leader.StateEvent
			a := w.node("a", quiet(), leader.WhenStarted(func(context.Context) error { panic("oh no") }), states(&got))
			assert.Panics(t, func() { _ = a.Run(a.context()) })
			require.NotEmpty(t, got)
			assert.Equal(t, leader.Idle, got[len(got)-1].To)
			assert.ErrorContains(t, got[len(got)-1].Cause, "oh no")
		})
	})
}

// A callback that one Run left behind does not overlap those of the next, and what it was not told yet comes first.
func TestCallbacks_LeftBehindByAnEarlierRun(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var blocking atomic.Bool
		var inside, most atomic.Int32
		enter := func() {
			most.Store(max(most.Load(), inside.Add(1)))
			if blocking.Load() {
				<-block
			}
			inside.Add(-1)
		}
		var told []bool
		var beats, observed, asked, mostBeats, mostObserved, mostAsked atomic.Int32
		once := func(n, most *atomic.Int32) func() {
			return func() {
				most.Store(max(most.Load(), n.Add(1)))
				if blocking.Load() {
					<-block
				}
				n.Add(-1)
			}
		}
		beat, observe, health := once(&beats, &mostBeats), once(&observed, &mostObserved), once(&asked, &mostAsked)
		a := w.node("a", leader.WhenElected(func(isLeader bool) { told = append(told, isLeader); enter() }),
			leader.WithObserver(func(leader.Event) { observe() }),
			leader.WithHeartbeat(time.Second, func(context.Context, bool) error { beat(); return nil }),
			leader.WithHealth(func(context.Context) error { health(); return nil }, leader.After(1000)))
		a.run().leads()
		time.Sleep(every - time.Second/2)
		blocking.Store(true)
		time.Sleep(every)
		require.NoError(t, a.stop())
		a.run()
		time.Sleep(time.Minute)
		blocking.Store(false)
		close(block)
		a.leads()
		time.Sleep(time.Minute)
		require.NoError(t, a.stop())
		for what, most := range map[string]*atomic.Int32{"WhenElected": &most, "the heartbeat": &mostBeats, "an observer": &mostObserved, "the check": &mostAsked} {
			assert.EqualValues(t, 1, most.Load(), "%s overlaps itself", what)
		}
		for i, isLeader := range told {
			assert.Equal(t, i%2 == 0, isLeader, "in order: %v", told)
		}
		assert.Empty(t, len(told)%2)
	})
}

// A callback that ends its goroutine, as an assertion in a test does, ends no other callback, and nothing silently.
func TestCallbacks_Goexit(t *testing.T) {
	exit := func() { runtime.Goexit() }
	t.Run("observer", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var events int
			a := w.node("a", leader.WithObserver(func(leader.Event) { events++; exit() })).run()
			a.leads()
			synctest.Wait()
			assert.GreaterOrEqual(t, events, 3, "it is told on")
			require.NoError(t, a.stop())
		})
	})
	t.Run("WhenElected", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var out bytes.Buffer
			var told []bool
			a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
				leader.WhenElected(func(isLeader bool) { told = append(told, isLeader); exit() })).run()
			a.leads()
			require.NoError(t, a.stop())
			assert.Equal(t, []bool{true, false}, told)
			assert.Contains(t, out.String(), "level=ERROR")
			assert.Contains(t, out.String(), "callback=WhenElected")
		})
	})
	t.Run("heartbeat", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a", leader.WithHeartbeat(time.Second, func(context.Context, bool) error { exit(); return nil }))
			assert.ErrorContains(t, a.Run(a.context()), "Goexit", "it ends Run, as an error does")
		})
	})
	t.Run("health check", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a", leader.WithHealth(func(context.Context) error { exit(); return nil })).run()
			time.Sleep(time.Second)
			assert.ErrorContains(t, a.Status().Health, "Goexit")
		})
	})
}

// Who is stuck at the end of Run takes no time from those that hear of it: the log names it, and nobody else, before Run returns.
func TestEnd_WhoIsStuckIsLogged(t *testing.T) {
	for part, test := range map[string]struct {
		option func(stuck <-chan struct{}) leader.Option
		before func(n *node, stuck <-chan struct{})
	}{
		"an observer": {option: func(stuck <-chan struct{}) leader.Option {
			return leader.WithObserver(func(leader.Event) { <-stuck })
		}},
		"WhenElected": {option: func(stuck <-chan struct{}) leader.Option {
			return leader.WhenElected(func(bool) { <-stuck })
		}},
		"the heartbeat": {option: func(stuck <-chan struct{}) leader.Option {
			return leader.WithHeartbeat(time.Second, func(context.Context, bool) error { <-stuck; return nil })
		}},
		"a request to the lease manager, the health check, or WithWake": {before: func(n *node, stuck <-chan struct{}) {
			n.link.set(func(q request) { <-stuck; *q.err = errLost })
		}},
	} {
		t.Run(part, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var log bytes.Buffer
				told := 0
				stuck := make(chan struct{})
				opts := []leader.Option{
					leader.WithLogger(slog.New(slowHandler{slog.NewTextHandler(&log, nil)})), leader.WithEndTimeout(time.Second),
					leader.WithObserver(func(e leader.Event) {
						if s, is := e.(leader.StateEvent); is && s.To == leader.Idle {
							time.Sleep(time.Millisecond)
							told++
						}
					}),
				}
				if test.option != nil {
					opts = append(opts, test.option(stuck))
				}
				a := w.node("a", opts...).run()
				a.leads()
				time.Sleep(1500 * time.Millisecond) // the heartbeat beats
				if test.before != nil {
					test.before(a, stuck)
				}
				began := time.Now()
				a.stop()
				assert.LessOrEqual(t, time.Since(began), time.Second)
				assert.Equal(t, 1, told, "the end")
				assert.Equal(t, 1, strings.Count(log.String(), "leaves this behind"), log.String())
				assert.Regexp(t, `leaves this behind.* part="?`+part, log.String())
				close(stuck)
			})
		})
	}
}

// A slowHandler takes a millisecond for each line.
type slowHandler struct{ slog.Handler }

func (h slowHandler) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Millisecond)
	return h.Handler.Handle(ctx, r)
}

func (h slowHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slowHandler{h.Handler.WithAttrs(attrs)}
}
