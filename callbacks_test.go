package leader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

func TestCallbacks_BlockForEver(t *testing.T) {
	block := make(chan struct{})
	for name, option := range map[string]func() leader.Option{
		"WhenElected": func() leader.Option { return leader.WhenElected(func(bool) { <-block }) },
		"observer":    func() leader.Option { return leader.WithObserver(func(leader.Event) { <-block }) },
		"heartbeat": func() leader.Option {
			return leader.WithHeartbeat(time.Second, func(context.Context, bool) error { <-block; return nil })
		},
		"logger": func() leader.Option { return leader.WithLogger(slog.New(blockedHandler{slog.DiscardHandler, block})) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				block = make(chan struct{})
				a := w.node("a", option()).run()
				a.leads()
				time.Sleep(time.Hour)
				synctest.Wait()
				_, swaps := a.link.counts()
				assert.Equal(t, 1+int(time.Hour/every), swaps, "renewals go on")
				assert.Empty(t, a.stopped)
				stopped := time.Now()
				a.cancel(nil)
				time.Sleep(time.Second)
				assert.Equal(t, lease.Free, w.look().State, "released")
				assert.NoError(t, <-a.result)
				assert.LessOrEqual(t, time.Since(stopped), length, "Run does not wait for ever")
				close(block)
			})
		})
	}
}

type blockedHandler struct {
	slog.Handler
	block chan struct{}
}

func (h blockedHandler) Enabled(context.Context, slog.Level) bool        { return true }
func (h blockedHandler) WithAttrs([]slog.Attr) slog.Handler              { return h }
func (h blockedHandler) Handle(ctx context.Context, r slog.Record) error { <-h.block; return nil }

// A health check that hangs holds no renewal up, but is not health either.
func TestCallbacks_HealthHangs(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var hang atomic.Bool
		a := w.node("a", leader.WithHealth(func(context.Context) error {
			if hang.Load() {
				<-block
			}
			return nil
		})).run()
		a.leads()
		hang.Store(true)
		time.Sleep(every)
		synctest.Wait()
		_, swaps := a.link.counts()
		assert.Equal(t, 2, swaps, "the renewal did not wait")
		cause := <-a.stopped
		assert.ErrorIs(t, cause, leader.ErrUnhealthy)
		assert.ErrorIs(t, cause, context.DeadlineExceeded)
		time.Sleep(time.Hour)
		assert.Empty(t, a.started, "unhealthy while it hangs")
		hang.Store(false)
		close(block)
		a.leads()
	})
}

func TestHeartbeat_Intervals(t *testing.T) {
	inWorld(t, func(w *world) {
		begun := time.Now()
		var beats []time.Duration
		a := w.node("a", leader.WithHeartbeat(2*time.Second, func(ctx context.Context, isLeader bool) error {
			beats = append(beats, time.Since(begun))
			if len(beats) == 2 {
				time.Sleep(5 * time.Second) // over the beats of 6 s and 8 s
			}
			return ctx.Err()
		})).run()
		a.leads()
		time.Sleep(13 * time.Second)
		require.NoError(t, a.stop())
		assert.Equal(t, []time.Duration{2e9, 4e9, 10e9, 12e9}, beats)
	})
}

// The heartbeat goes on, and says so, while a work that was cancelled stops.
func TestHeartbeat_WhileTheWorkStops(t *testing.T) {
	inWorld(t, func(w *world) {
		var told []bool
		a := w.nodeDoing("a", func(ctx context.Context) error { <-ctx.Done(); time.Sleep(3*time.Second + 1); return nil },
			leader.WithHeartbeat(time.Second, func(_ context.Context, isLeader bool) error {
				told = append(told, isLeader)
				return nil
			}))
		a.run().leads()
		require.NoError(t, a.stop())
		assert.Equal(t, []bool{true, true, true}, told)
	})
}

func TestWhenElected_EveryChange(t *testing.T) {
	inWorld(t, func(w *world) {
		var told []bool
		a := w.node("a", leader.WhenElected(func(isLeader bool) { told = append(told, isLeader) })).run()
		a.leads()
		w.force("other", true)
		a.leads()
		a.link.set(hang)
		<-a.stopped
		<-a.stopped
		a.link.set(nil)
		a.leads()
		require.NoError(t, a.stop())
		assert.Equal(t, []bool{true, false, true, false, true, false}, told)
	})
}

func TestObserver_EventsInOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		var states []leader.StateEvent
		var again int
		b := w.node("b").run()
		b.leads()
		a := w.node("a", leader.WithObserver(func(e leader.Event) {
			if s, ok := e.(leader.StateEvent); ok {
				states = append(states, s)
			}
		}), leader.WithObserver(func(leader.Event) { again++ })).run()
		time.Sleep(time.Minute)
		require.NoError(t, b.stop())
		a.leads()
		require.NoError(t, a.StepDown(context.Background()))
		require.NoError(t, a.stop())
		assert.Positive(t, again, "observers add up")
		var got []leader.State
		for i, s := range states {
			got = append(got, s.To)
			assert.Equal(t, "a", s.Node)
			assert.Equal(t, anyName, s.Lease)
			if i > 0 {
				assert.Equal(t, states[i-1].To, s.From)
				assert.False(t, s.At.Before(states[i-1].At))
			}
		}
		assert.Equal(t, []leader.State{leader.Standby, leader.Leading, leader.Stopping, leader.Standby, leader.Stopping, leader.Idle}, got)
		assert.EqualValues(t, 2, states[1].Token)
		assert.ErrorIs(t, states[2].Cause, leader.ErrStepDown)
		assert.Equal(t, 2, countEvents(a, func(e leader.Event) bool {
			h, ok := e.(leader.HolderEvent)
			return ok && h.Seen.State == lease.Held
		}), "b, then a itself")
	})
}

// However slow an observer is, it hears of every change of state; of the rest, some is dropped.
func TestObserver_NeverMissesAState(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		var mu sync.Mutex
		var states, others, missed int
		n := 0
		a := w.node("a", quiet(), leader.WhenStarted(func(context.Context) error { n++; return leader.ErrStepDown }),
			leader.WithLeaseLength(time.Second), leader.WithObserver(func(e leader.Event) {
				<-block
				mu.Lock()
				defer mu.Unlock()
				switch e := e.(type) {
				case leader.StateEvent:
					states++
				case leader.DroppedEvent:
					missed += e.Count
				default:
					others++
				}
			}))
		a.run()
		time.Sleep(25*time.Minute + time.Second/2) // not at the moment of a term, which begins once a second
		close(block)
		require.NoError(t, a.stop())
		mu.Lock()
		defer mu.Unlock()
		assert.Greater(t, n, 1200)
		assert.Equal(t, 1+3*n+2, states)
		assert.Less(t, others, 1100)
		assert.Greater(t, missed, 3*n, "a request and two holders in each term, and it is told that it missed them")
	})
}

func TestLogger_LevelsAndKeys(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		a.run().leads()
		time.Sleep(every)
		synctest.Wait()
		a.link.set(cut)
		time.Sleep(length)
		require.NoError(t, a.stop())
		for _, line := range []string{
			`level=INFO msg="this node leads: the work begins" lease=leader node=a token=1`,
			`level=DEBUG msg=renew lease=leader node=a took=0s`,
			`level=WARN msg="a request to the store has failed: this node leads on, and loses the lease unless one succeeds in time" lease=leader node=a token=1 left=8.5s op=renew took=0s err="test store: renew lease \"leader\": the connection broke"`,
			`level=DEBUG msg="renew failed" lease=leader node=a took=0s err=`,
			`level=WARN msg="the lease is lost, and this node leads no more: the work is told to stop" lease=leader node=a token=1 led=18.5s cause=`,
			`level=INFO msg="ended: this node has no part in the election any more" lease=leader node=a`,
		} {
			assert.Contains(t, out.String(), line)
		}
	})
}

func TestStatus(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a", leader.WithAttributes(map[string]string{"addr": "10.0.0.1:80"}))
		s := a.Status()
		assert.Equal(t, leader.Status{
			Lease: anyName, Node: "a", Store: "test store", Length: length, RenewEvery: every, AcquireEvery: every,
		}, s, "idle, and nothing known")
		assert.ErrorIs(t, s.Term.Check(), lease.ErrLost)
		a.run().leads()
		b := w.node("b").run()
		time.Sleep(time.Minute)
		synctest.Wait()
		s = a.Status()
		assert.Equal(t, leader.Leading, s.State)
		assert.NoError(t, s.Term.Check())
		assert.Equal(t, time.Minute, time.Since(s.Since))
		assert.Zero(t, time.Since(s.Contact))
		assert.Equal(t, "a", s.Seen.Holder)
		s = b.Status()
		assert.Equal(t, leader.Standby, s.State)
		assert.Equal(t, "10.0.0.1:80", s.Seen.Attributes["addr"])
		assert.NoError(t, s.Err)
		b.link.set(cut)
		time.Sleep(every)
		synctest.Wait()
		assert.ErrorIs(t, b.Status().Err, errLost)
		assert.Positive(t, time.Since(b.Status().Contact))

		a.machine.Suspend()
		time.Sleep(length)
		a.machine.Resume()
		assert.Equal(t, leader.Stopping, a.Status().State, "at once after waking, before anything has run")
	})
}

func TestStopMargin(t *testing.T) {
	inWorld(t, func(w *world) {
		const margin = 3 * time.Second
		a := w.nodeDoing("a", func(ctx context.Context) error {
			<-ctx.Done()
			term, _ := leader.TermFrom(ctx)
			time.Sleep(margin - 1)
			assert.NoError(t, term.Check(), "the work has had its time")
			return nil
		}, leader.WithStopMargin(margin))
		a.run().leads()
		cut := time.Now()
		a.link.set(hang)
		time.Sleep(usable - margin)
		synctest.Wait()
		assert.Equal(t, leader.Stopping, a.Status().State)
		cause := <-a.stopped
		assert.Equal(t, usable-1, time.Since(cut))
		lost, ok := errors.AsType[*lease.LostError](cause)
		require.True(t, ok)
		assert.Equal(t, lease.LostExpired, lost.Reason)
		a.link.set(nil)
		a.leads()
	})
}
