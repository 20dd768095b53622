package leader_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// call is a call of WhileLeading that is under way until it is let go.
type call struct {
	ctx   context.Context // what it was called with
	goOn  chan struct{}
	ended chan error
}

// calls begins a call, which has to be let in.
func (n *node) calls(ctx context.Context) *call {
	n.w.Helper()
	c := &call{goOn: make(chan struct{}), ended: make(chan error, 1)}
	in := make(chan struct{})
	go func() {
		c.ended <- n.WhileLeading(ctx, func(ctx context.Context) error {
			c.ctx = ctx
			close(in)
			<-c.goOn
			return nil
		})
	}()
	select {
	case <-in:
	case err := <-c.ended:
		require.FailNow(n.w, "it is not let in", "%v", err)
	}
	return c
}

func (c *call) finish() error {
	close(c.goOn)
	return <-c.ended
}

// refuses tells whether a call is not let in.
func (n *node) refuses() bool {
	return errors.Is(n.WhileLeading(context.Background(), func(context.Context) error { return nil }), leader.ErrNotLeading)
}

// server adds a machine whose work serves. Its work may be waited for with leads.
func (w *world) server(name string, opts ...leader.Option) *node {
	return w.nodeDoing(name, leader.Serve, opts...)
}

func TestServe_OnlyWhileItLeads(t *testing.T) {
	inWorld(t, func(w *world) {
		prepared, putDown := make(chan struct{}), make(chan struct{})
		a := w.nodeDoing("a", func(ctx context.Context) error {
			<-prepared
			err := leader.Serve(ctx)
			<-putDown
			return err
		})
		require.True(t, a.refuses(), "idle")
		a.run().leads()
		b := w.server("b").run()
		time.Sleep(time.Minute)
		require.True(t, a.refuses(), "it leads, and prepares")
		require.True(t, b.refuses(), "a standby")
		close(prepared)
		synctest.Wait()
		require.False(t, a.refuses())
		failed := errors.New("what it returns")
		require.Equal(t, failed, a.WhileLeading(context.Background(), func(context.Context) error { return failed }))
		a.cancel(nil)
		synctest.Wait()
		require.True(t, a.refuses(), "it puts down")
		require.True(t, b.refuses())
		close(putDown)
		b.leads()
		synctest.Wait()
		require.False(t, b.refuses())
		require.True(t, a.refuses(), "idle again")
	})
}

// S3: calls that are under way are finished before the lease is released.
func TestServe_FinishesBeforeTheRelease(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a").run()
		a.leads()
		b := w.server("b").run()
		synctest.Wait()
		c := a.calls(context.Background())
		a.cancel(nil)
		synctest.Wait()
		require.ErrorIs(t, c.ctx.Err(), context.Canceled, "told at once")
		require.True(t, a.refuses(), "no new ones")
		time.Sleep(10 * time.Minute)
		term, ok := leader.TermFrom(c.ctx)
		require.True(t, ok)
		require.NoError(t, term.Check(), "the lease is kept")
		require.Empty(t, b.started)
		released := time.Now()
		require.NoError(t, c.finish())
		b.leads()
		require.LessOrEqual(t, time.Since(released), every)
	})
}

// A call that goes on after the lease was lost keeps its node from campaigning.
func TestServe_LostWhileACallIsUnderWay(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a").run()
		a.leads()
		synctest.Wait()
		c := a.calls(context.Background())
		w.force("", false)
		time.Sleep(every)
		synctest.Wait()
		require.ErrorIs(t, context.Cause(c.ctx), lease.ErrLost)
		require.True(t, a.refuses())
		time.Sleep(10 * time.Minute)
		require.Empty(t, a.started)
		require.NoError(t, c.finish())
		require.EqualValues(t, 2, a.leads().Token())
		synctest.Wait()
		require.False(t, a.refuses())
	})
}

// The first call after waking is refused, before anything has noticed.
func TestServe_AfterASuspension(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a").run()
		a.leads()
		synctest.Wait()
		c := a.calls(context.Background())
		a.machine.Suspend()
		time.Sleep(length)
		a.machine.Resume()
		require.True(t, a.refuses())
		require.NoError(t, c.finish())
	})
}

func TestServe_Context(t *testing.T) {
	inWorld(t, func(w *world) {
		type key struct{}
		a := w.server("a").run()
		led := a.leads()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "of the request"))
		c := a.calls(ctx)
		term, ok := leader.TermFrom(c.ctx)
		require.True(t, ok)
		require.Equal(t, led, term)
		require.Equal(t, "of the request", c.ctx.Value(key{}))
		gone := errors.New("the client has gone")
		cancel(gone)
		<-c.ctx.Done()
		require.Equal(t, gone, context.Cause(c.ctx))
		require.NoError(t, c.finish())

		// StepDown does not wait for the call that it is called from.
		require.NoError(t, a.WhileLeading(context.Background(), func(ctx context.Context) error { return a.StepDown(ctx) }))
		require.ErrorIs(t, <-a.stopped, leader.ErrStepDown)
	})
}

// A call that does not return normally is over all the same.
func TestServe_PanicsAndGoexit(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a").run()
		a.leads()
		synctest.Wait()
		require.PanicsWithValue(t, "boom", func() {
			_ = a.WhileLeading(context.Background(), func(context.Context) error { panic("boom") })
		})
		var goexit sync.WaitGroup
		goexit.Go(func() {
			_ = a.WhileLeading(context.Background(), func(context.Context) error { (&testing.T{}).SkipNow(); return nil })
		})
		goexit.Wait()
		require.False(t, a.refuses(), "the work goes on")
		require.NoError(t, a.stop())
	})
}

// WithStopTimeout counts for a call that never returns, and no work begins while it is under way.
func TestServe_StopTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a", leader.WithStopTimeout(time.Minute)).run()
		a.leads()
		synctest.Wait()
		c := a.calls(context.Background())
		began := time.Now()
		require.ErrorIs(t, a.stop(), leader.ErrStopTimeout)
		require.Equal(t, time.Minute, time.Since(began))
		require.ErrorIs(t, a.Run(context.Background()), leader.ErrStopTimeout)
		require.NoError(t, c.finish())
		synctest.Wait()
		require.NoError(t, a.runsOnceAndStops())
	})
}

// runsOnceAndStops lets it lead once more.
func (n *node) runsOnceAndStops() error {
	n.run().leads()
	return n.stop()
}

// A leader in another one's work is served by its own calls.
func TestServe_Nested(t *testing.T) {
	inWorld(t, func(w *world) {
		inner := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLeaseName("inner"), quiet(), leader.WhenStarted(leader.Serve))
		a := w.nodeDoing("a", inner.Run).run()
		a.leads()
		synctest.Wait()
		require.True(t, a.refuses(), "its work is not in Serve: that of the inner is")
		require.NoError(t, inner.WhileLeading(context.Background(), func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			assert.Equal(t, "inner", term.Name())
			return nil
		}))
	})
}

// A work may close the door and open it again.
func TestServe_Again(t *testing.T) {
	inWorld(t, func(w *world) {
		var pause atomic.Pointer[context.CancelFunc]
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(ctx context.Context) error {
			first, cancel := context.WithCancel(ctx)
			defer cancel()
			pause.Store(&cancel)
			_ = leader.Serve(first)
			<-goOn
			return leader.Serve(ctx)
		}).run()
		term := a.leads()
		synctest.Wait()
		require.False(t, a.refuses())
		(*pause.Load())()
		require.True(t, a.refuses(), "at once")
		synctest.Wait()
		require.True(t, a.refuses())
		require.NoError(t, term.Check())
		close(goOn)
		synctest.Wait()
		require.False(t, a.refuses())
	})
}

// Of two Serves at once, the end of one leaves the other's door open.
func TestServe_TwoAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		end := make(chan context.CancelFunc, 1)
		a := w.nodeDoing("a", func(ctx context.Context) error {
			first, cancel := context.WithCancel(ctx)
			end <- cancel
			go func() { _ = leader.Serve(first) }()
			time.Sleep(time.Second)
			return leader.Serve(ctx)
		}).run()
		cancel := <-end
		time.Sleep(2 * time.Second)
		cancel()
		synctest.Wait()
		require.False(t, a.refuses())
	})
}

func TestServe_WithoutALeader(t *testing.T) {
	require.ErrorContains(t, leader.Serve(t.Context()), "not that of a leader's work")
	ctx, lose := leadertest.Context(t, 7)
	served := make(chan error, 1)
	go func() { served <- leader.Serve(ctx) }()
	lose(nil)
	require.ErrorIs(t, <-served, lease.ErrLost)
}

// Calls that arrive at every moment, of terms that end in every way: none is under way while its term's lease may be
// somebody else's and its Check holds, and none of an orderly stop when the next term begins.
func TestServe_Race(t *testing.T) {
	inWorld(t, func(w *world) {
		var inTerm [2]atomic.Int32 // calls under way, by node, whose term's Check holds
		nodes := make([]*node, 2)
		for i := range nodes {
			nodes[i] = w.nodeDoing([]string{"a", "b"}[i], func(ctx context.Context) error {
				assert.Zero(t, inTerm[1-i].Load(), "the other has calls under way")
				return leader.Serve(ctx)
			}, quiet())
			nodes[i].run()
		}
		var let, refused atomic.Int32
		over, end := context.WithCancel(context.Background())
		var callers sync.WaitGroup
		for i, n := range nodes {
			for range 8 {
				callers.Go(func() {
					for over.Err() == nil {
						err := n.WhileLeading(over, func(ctx context.Context) error {
							let.Add(1)
							inTerm[i].Add(1)
							defer inTerm[i].Add(-1)
							term, _ := leader.TermFrom(ctx)
							for range rand.IntN(20) { // it goes on after it was told to stop, but not after the term's end
								time.Sleep(rand.N(50 * time.Millisecond))
								if term.Check() != nil {
									break
								}
							}
							return nil
						})
						if err != nil {
							refused.Add(1)
							time.Sleep(rand.N(100 * time.Millisecond))
						}
					}
				})
			}
		}
		for range 100 {
			time.Sleep(rand.N(20 * time.Second))
			for _, n := range nodes {
				_ = n.StepDown(context.Background())
			}
		}
		end()
		callers.Wait()
		require.Greater(t, let.Load(), int32(1000))
		require.Greater(t, refused.Load(), int32(1000))
	})
}
