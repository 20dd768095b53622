package checkpoint_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// A term keeps none of the checkpoints that it has opened, but what is yet to be written: a work may open one for each thing it does.
func TestOpen_ATermKeepsNoCheckpoint(t *testing.T) {
	for _, test := range []struct {
		name string
		use  func(t *testing.T, cp *checkpoint.Checkpoint[int], n int)
	}{
		{"only opened", func(*testing.T, *checkpoint.Checkpoint[int], int) {}},
		{"saved", func(t *testing.T, cp *checkpoint.Checkpoint[int], n int) { require.NoError(t, cp.Save(t.Context(), n)) }},
		{"flushed", func(t *testing.T, cp *checkpoint.Checkpoint[int], n int) {
			require.NoError(t, cp.Note(n))
			require.NoError(t, cp.Flush(t.Context()))
		}},
		{"noted", func(t *testing.T, cp *checkpoint.Checkpoint[int], n int) { require.NoError(t, cp.Note(n)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const opens = 100
				p := newPlace(t)
				ctx, keeper := p.term(1)
				var kept []weak.Pointer[checkpoint.Checkpoint[int]]
				for n := range opens {
					cp, err := checkpoint.Open[int](ctx, p.manager(), name)
					require.NoError(t, err)
					test.use(t, cp, n)
					kept = append(kept, weak.Make(cp))
				}
				time.Sleep(checkpoint.DefaultEvery) // those that others have opened since find that they are to write no more
				synctest.Wait()
				require.NoError(t, keeper.Term().Check())
				require.False(t, keeper.HasBeforeEnd())
				runtime.GC()
				alive := 0
				for _, cp := range kept {
					if cp.Value() != nil {
						alive++
					}
				}
				require.LessOrEqual(t, alive, 2, "of %d", opens)
			})
		})
	}
}

// What is noted is written at the end, though nobody has the checkpoint any more, and though a write of it is under way, or has failed.
func TestNote_IsWrittenAtTheEnd(t *testing.T) {
	slowly := func(end error) func(func() (lease.Version, error)) (lease.Version, error) {
		return func(apply func() (lease.Version, error)) (lease.Version, error) {
			time.Sleep(time.Minute)
			if end != nil {
				return "", end
			}
			return apply()
		}
	}
	for _, test := range []struct {
		name  string
		fault func(func() (lease.Version, error)) (lease.Version, error) // of the first write
		after time.Duration
		save  bool
	}{
		{"nothing was tried", nil, 0, false},
		{"a write has failed", func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown }, 15 * time.Second, false},
		{"a write is under way", slowly(nil), 15 * time.Second, false},
		{"a write is under way, and fails", slowly(errDown), 15 * time.Second, false},
		{"a save has failed", func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown }, 15 * time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				ctx, keeper := p.term(1)
				func() {
					cp, err := checkpoint.Open[int](ctx, p.manager(), name)
					require.NoError(t, err)
					p.store.fail(nil, test.fault)
					if test.save {
						require.ErrorIs(t, cp.Save(ctx, 7), errDown)
						return
					}
					require.NoError(t, cp.Note(7))
				}()
				time.Sleep(test.after)
				runtime.GC()
				p.store.fail(nil, nil)
				require.True(t, keeper.HasBeforeEnd())
				keeper.BeforeEnd(t.Context())
				require.Equal(t, 7, p.stored())
				require.False(t, keeper.HasBeforeEnd())
			})
		})
	}
}

// The end tries once what cannot be written.
func TestNote_TheEndTriesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, keeper := p.open(1)
		p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
		require.NoError(t, cp.Note(7))
		p.store.sent()
		keeper.BeforeEnd(t.Context())
		_, swaps := p.store.sent()
		require.Equal(t, 1, swaps)
	})
}

// With a stop margin, a work is stopped before its term is over: what it saves at that moment is written at the end, as what it notes.
func TestSave_IsStoppedBeforeTheTermIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, keeper := p.term(1)
		work, stop := context.WithCancelCause(ctx)
		cp, err := checkpoint.Open[int](ctx, p.manager(), name)
		require.NoError(t, err)
		require.NoError(t, cp.Note(6))
		ended := func() error { return context.Cause(work) }
		p.store.fail(ended, func(func() (lease.Version, error)) (lease.Version, error) {
			stop(&lease.LostError{Name: "orders", Reason: lease.LostExpired})
			return "", ended()
		})
		require.Error(t, cp.Save(work, 7))
		p.store.fail(nil, nil)
		require.NoError(t, cp.Note(9))
		keeper.BeforeEnd(t.Context())
		require.Equal(t, 9, p.stored())
	})
}

// hanging is a store whose next write hangs until its context ends.
type hanging struct {
	lease.Store
	next atomic.Bool
}

func (h *hanging) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if h.next.Swap(false) {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	return h.Store.Swap(ctx, name, old, data)
}

// writesForever opens the checkpoint and notes 7, whose write by the timer does not end.
func (p *place) writesForever(ctx context.Context) *checkpoint.Checkpoint[int] {
	store := &hanging{Store: p.store}
	cp, err := checkpoint.Open[int](ctx, lease.NewManager(store), name)
	require.NoError(p, err)
	store.next.Store(true)
	require.NoError(p, cp.Note(7))
	time.Sleep(checkpoint.DefaultEvery + time.Second)
	synctest.Wait()
	require.False(p, store.next.Load(), "the timer writes")
	return cp
}

// The end of a term has little time: a write of the timer that hangs does not take it.
func TestNote_AWriteHangsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, keeper := p.term(1)
		p.writesForever(ctx)
		end, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		keeper.BeforeEnd(end)
		require.Equal(t, 7, p.stored())
	})
}

// A work is told to stop while its save waits for a write that hangs, or before it saves: the end of the term writes the value.
func TestSave_IsStoppedBeforeItsTurn(t *testing.T) {
	for what, hangs := range map[string]bool{"a write hangs": true, "nobody writes": false} {
		t.Run(what, func(t *testing.T) {
			for range 8 { // an ended context and a free turn: which one counts is left to chance
				synctest.Test(t, func(t *testing.T) {
					p := newPlace(t)
					ctx, keeper := p.term(1)
					var cp *checkpoint.Checkpoint[int]
					if hangs {
						cp = p.writesForever(ctx)
					} else {
						var err error
						cp, err = checkpoint.Open[int](ctx, lease.NewManager(p.store), name)
						require.NoError(t, err)
					}
					work, stop := context.WithCancel(ctx)
					stop()
					p.store.fail(work.Err, func(func() (lease.Version, error)) (lease.Version, error) { return "", work.Err() })
					require.ErrorIs(t, cp.Save(work, 8), context.Canceled)
					p.store.fail(nil, nil)
					keeper.BeforeEnd(t.Context())
					require.Equal(t, 8, p.stored())
				})
			}
		})
	}
}

// A save that did not get its turn does not replace what was noted after it.
func TestSave_WaitsWhileMoreIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, keeper := p.term(1)
		cp := p.writesForever(ctx)
		work, stop := context.WithCancel(ctx)
		saved := make(chan error, 1)
		go func() { saved <- cp.Save(work, 8) }()
		synctest.Wait()
		require.NoError(t, cp.Note(9))
		stop()
		require.ErrorIs(t, <-saved, context.Canceled)
		keeper.BeforeEnd(t.Context())
		require.Equal(t, 9, p.stored())
	})
}

// A fleet's term goes on after a work that has failed, and so has several ends: each writes what was noted since the one before.
func TestNote_AfterAnEndThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, keeper := p.open(1)
		p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
		require.NoError(t, cp.Note(7))
		keeper.BeforeEnd(t.Context())
		p.store.fail(nil, nil)
		require.NoError(t, cp.Note(8))
		keeper.BeforeEnd(t.Context())
		require.Equal(t, 8, p.stored())
	})
}
