package checkpoint_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// What is noted is written once in an interval, and when the term ends.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, keeper := p.open(1, checkpoint.Every(9700*time.Millisecond)) // never at the moment of a note
		p.store.sent()
		for i := range 95 {
			require.NoError(t, cp.Note(i))
			require.Equal(t, i, cp.Value())
			time.Sleep(time.Second)
		}
		loads, swaps := p.store.sent()
		require.Equal(t, []int{0, 9}, []int{loads, swaps})
		require.Equal(t, 89, p.stored())
		keeper.BeforeEnd(t.Context())
		require.Equal(t, 94, p.stored())
		keeper.End(nil)
		time.Sleep(time.Hour)
		_, swaps = p.store.sent()
		require.Equal(t, 1, swaps)
	})
}

func TestNote_GoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, _ := p.open(1)
		p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
		require.NoError(t, cp.Note(1))
		time.Sleep(25 * time.Second)
		p.store.fail(nil, nil)
		require.Equal(t, -1, p.stored())
		time.Sleep(10 * time.Second)
		require.Equal(t, 1, p.stored())
		require.NoError(t, cp.Flush(t.Context()))
	})
}

// Once a newer value is stored, the failure of an older one is over.
func TestFlush_AfterASaveThatSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, _ := p.open(1)
		p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
		require.NoError(t, cp.Note(1))
		require.ErrorIs(t, cp.Flush(t.Context()), errDown)
		p.store.fail(nil, nil)
		require.NoError(t, cp.Save(t.Context(), 2))
		require.NoError(t, cp.Flush(t.Context()))
		require.Equal(t, 2, p.stored())
	})
}

// A work that only notes learns of a Reset, too, from the first Note after the write that has found it. It would go on in vain.
func TestNote_AfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, keeper := p.open(1)
		require.NoError(t, cp.Note(5))
		require.NoError(t, checkpoint.Reset(t.Context(), p.manager(), name, 2))
		require.NoError(t, cp.Note(6), "it cannot know yet")
		time.Sleep(checkpoint.DefaultEvery)
		synctest.Wait()
		require.NoError(t, keeper.Term().Check())
		p.store.sent()
		err := cp.Note(7)
		require.ErrorIs(t, err, lease.ErrLost)
		require.ErrorContains(t, err, `checkpoint "orders-projection" was opened again, or reset`)
		time.Sleep(time.Hour)
		loads, swaps := p.store.sent()
		require.Zero(t, loads+swaps, "nothing is tried in vain")
		require.Equal(t, 2, p.stored())
	})
}

func TestNote_WhenTheTermIsOver(t *testing.T) {
	p := newPlace(t)
	cp, keeper := p.open(1)
	keeper.End(nil)
	require.ErrorIs(t, cp.Note(1), lease.ErrLost)
	require.False(t, cp.Found())
}

// A note that waits for its turn behind a save does not take the save back.
func TestNote_BehindASave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cp, _ := p.open(1, checkpoint.Every(time.Second))
		require.NoError(t, cp.Note(1))
		p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
			time.Sleep(10 * time.Second)
			return apply()
		})
		require.NoError(t, cp.Save(t.Context(), 2))
		time.Sleep(time.Minute)
		require.Equal(t, 2, p.stored())
		require.Equal(t, 2, cp.Value())
	})
}

// seldom is a store that may be written to once a second.
type seldom struct{ *faulty }

func (seldom) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

func TestSave_AsOftenAsTheStoreAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, keeper := p.term(1)
		cp, err := checkpoint.Open[int](ctx, lease.NewManager(seldom{p.store}), name)
		require.NoError(t, err)
		began := time.Now()
		for i := range 5 {
			require.NoError(t, cp.Save(t.Context(), i))
		}
		require.Equal(t, 5*time.Second, time.Since(began))
		soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, cp.Save(soon, 5), context.DeadlineExceeded)
		keeper.End(nil)
		require.ErrorIs(t, cp.Save(t.Context(), 6), lease.ErrLost)
	})
}

// A store that refuses at once is not asked again and again. Nobody who writes by hand has to wait, and nothing is slow once it is back.
func TestNote_RestsAfterFailures(t *testing.T) {
	for _, every := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
		t.Run(every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				cp, keeper := p.open(1, checkpoint.Every(every))
				var at []time.Duration
				began := time.Now()
				refuse := func(func() (lease.Version, error)) (lease.Version, error) {
					if at = append(at, time.Since(began)); len(at) > 1000 {
						return "", lease.ErrLost // else this would never end
					}
					return "", lease.ErrMisconfigured
				}
				p.store.fail(nil, refuse)
				require.NoError(t, cp.Note(1))
				for n := range 100 {
					time.Sleep(time.Second)
					require.NoError(t, cp.Note(n))
				}
				synctest.Wait()
				require.Equal(t, every, at[0], "the first does not wait")
				for n, atLeast := 1, 250*time.Millisecond*3/4; n < len(at); n, atLeast = n+1, min(2*atLeast, 6*time.Second) {
					require.GreaterOrEqual(t, at[n]-at[n-1], atLeast, "%v", at)
					require.LessOrEqual(t, at[n]-at[n-1], 8*time.Second, "%v", at)
				}
				require.Greater(t, len(at), 100/8, "it goes on")

				sent := len(at)
				require.ErrorIs(t, cp.Flush(t.Context()), lease.ErrMisconfigured)
				require.Len(t, at, sent+1, "Flush writes at once")
				p.store.fail(nil, nil)
				require.NoError(t, cp.Flush(t.Context()))
				require.Equal(t, 99, p.stored())
				require.NoError(t, cp.Note(200))
				time.Sleep(every)
				synctest.Wait()
				require.Equal(t, 200, p.stored(), "once it is back, nothing rests")

				at, began = nil, time.Now()
				p.store.fail(nil, refuse)
				require.NoError(t, cp.Note(201))
				time.Sleep(time.Minute)
				p.store.fail(nil, nil)
				keeper.BeforeEnd(t.Context())
				require.Equal(t, 201, p.stored(), "nor does the end of the term")
				require.GreaterOrEqual(t, at[1]-at[0], 187*time.Millisecond)
				require.Less(t, at[1]-at[0], 251*time.Millisecond, "the rest begins anew")
			})
		})
	}
}

// What rests after failures is no more often than the store allows, either.
func TestNote_RestsAsLongAsTheStoreAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, _ := p.term(1)
		cp, err := checkpoint.Open[int](ctx, lease.NewManager(seldom{p.store}), name, checkpoint.Every(0))
		require.NoError(t, err)
		last := time.Now()
		p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) {
			require.GreaterOrEqual(t, time.Since(last), time.Second)
			last = time.Now()
			return "", errDown
		})
		p.store.sent()
		require.NoError(t, cp.Note(1))
		time.Sleep(time.Minute)
		_, swaps := p.store.sent()
		require.Greater(t, swaps, 5)
	})
}
