package leader_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// firstHangs is for a store that loses one request: those after it work, unless their context has ended.
func firstHangs() func(request) {
	var asked atomic.Int32
	return func(q request) {
		switch {
		case asked.Add(1) == 1:
			hang(q)
		case q.ctx.Err() != nil:
			*q.err = context.Cause(q.ctx)
		default:
			q.send()
		}
	}
}

// The end takes no longer than WithEndTimeout says in all, however it comes, and whatever hangs at that moment. A store that
// works again gets the lease back by then.
func TestRun10_TheEndInAll(t *testing.T) {
	const length, every, within = time.Minute, 20 * time.Second, 4 * time.Second
	for _, how := range []string{"ctx ends", "the work returns", "the work panics", "Release", "ctx ends after StepDown"} {
		for _, store := range []string{"works", "loses a renewal", "hangs"} {
			for _, flush := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, the store %s, flush %v", how, store, flush), func(t *testing.T) {
					inWorld(t, func(w *world) {
						goOn := make(chan struct{})
						begin := func(ctx context.Context) {
							if flush {
								lease.BeforeEnd(ctx, func(ctx context.Context) { <-ctx.Done() })
							}
						}
						a := w.nodeDoing("a", func(ctx context.Context) error {
							begin(ctx)
							select {
							case <-goOn:
							case <-ctx.Done():
							}
							if how == "the work panics" {
								panic(how)
							}
							return nil
						}, leader.WithLeaseLength(length), leader.WithEndTimeout(within))
						var held *leader.Held
						if how == "Release" {
							a = w.holder("a", leader.WithLeaseLength(length), leader.WithEndTimeout(within))
							held, _ = a.Acquire(a.context())
							begin(held.Context())
						} else {
							a.runs(func(ctx context.Context) (err error) {
								defer func() {
									if v := recover(); v != nil {
										assert.Equal(t, how, v)
									}
								}()
								return a.Run(ctx)
							}).leads()
						}
						switch store {
						case "loses a renewal":
							a.link.set(firstHangs())
						case "hangs":
							a.link.set(hang)
						}
						time.Sleep(every + 500*time.Millisecond) // a renewal is in flight
						began := time.Now()
						switch how {
						case "ctx ends":
							assert.NoError(t, a.stop())
						case "the work returns", "the work panics":
							close(goOn)
							assert.NoError(t, <-a.result)
						case "Release":
							_ = held.Release(context.Background())
						case "ctx ends after StepDown":
							go func() { _ = a.StepDown(context.Background()) }()
							synctest.Wait()
							assert.NoError(t, a.stop())
						}
						assert.LessOrEqual(t, time.Since(began), within+10*time.Millisecond)
						a.link.set(nil)
						if store != "hangs" {
							assert.Equal(t, lease.Free, w.look().State)
						}
					})
				})
			}
		}
	}
}

// A function of BeforeEnd that panics is like a work that does: the others run, the lease is given back, and Run panics.
func TestBeforeEnd_Panics(t *testing.T) {
	for _, work := range []bool{false, true} {
		for _, run := range []func(*leader.Leader, context.Context) error{(*leader.Leader).Run, (*leader.Leader).RunOnce} {
			inTimedWorld(t, func(w *world) {
				flushed := 0
				a := w.nodeDoing("a", func(ctx context.Context) error {
					lease.BeforeEnd(ctx, func(context.Context) { flushed++ })
					lease.BeforeEnd(ctx, func(context.Context) { panic("the flush") })
					lease.BeforeEnd(ctx, func(context.Context) { flushed++ })
					if work {
						panic("the work")
					}
					return nil
				}, leader.WithHoldAtLeast(length))
				what := func() (v any) {
					defer func() { v = recover() }()
					return run(a.Leader, a.context())
				}()
				require.Equal(t, map[bool]any{false: "the flush", true: "the work"}[work], what)
				require.Equal(t, 2, flushed)
				require.Equal(t, lease.Free, w.look().State)
				require.Equal(t, leader.Idle, a.Status().State)
			})
		}
	}
}

// A node that waits for its work to return, or whose lease was lost in the release, leads no more, and says so.
func TestLeaders_AfterTheLoss(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.nodeDoing("a", func(context.Context) error { <-goOn; return nil })
		a.run().leads()
		a.link.set(cut)
		w.node("b").run().leads()
		assert.Equal(t, lease.Expired, a.Status().Seen.State)
		ctx, cancel := context.WithTimeout(context.Background(), length)
		defer cancel()
		_, err := a.WaitForLeader(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		close(goOn)
		<-a.stopped
	})
}

// The lease stays after RunOnce, and StepDown does not say that it was given back.
func TestStepDown_LeftToRunOut(t *testing.T) {
	inTimedWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error {
			lease.BeforeEnd(ctx, func(context.Context) { time.Sleep(time.Second) })
			return nil
		}, leader.WithHoldAtLeast(length))
		a.runsOnce().leads()
		time.Sleep(500 * time.Millisecond)
		require.ErrorContains(t, a.StepDown(context.Background()), "WithHoldAtLeast")
		require.NoError(t, <-a.result)
		require.Equal(t, lease.Held, w.look().State)
	})
	inWorld(t, func(w *world) { // where a lease that runs out looks like a crash, a late trigger would run the job again
		a := w.nodeDoing("a", func(context.Context) error { return nil }, leader.WithHoldAtLeast(length))
		a.runsOnce().leads()
		began := time.Now()
		time.Sleep(time.Second)
		require.NoError(t, a.StepDown(context.Background()))
		require.Equal(t, length, time.Since(began), "it waits until the time has passed")
		require.Equal(t, lease.Free, w.look().State)
	})
}
