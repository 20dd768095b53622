package checkpoint_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

func TestOpen_SaveAndOpenAgain(t *testing.T) {
	p := newPlace(t)
	cp, _ := p.open(1)
	require.False(t, cp.Found())
	require.Zero(t, cp.Value())
	loads, swaps := p.store.sent()
	require.Equal(t, []int{1, 1}, []int{loads, swaps}, "of Open")
	require.NoError(t, cp.Save(t.Context(), 7))
	loads, swaps = p.store.sent()
	require.Equal(t, []int{0, 1}, []int{loads, swaps}, "of Save")
	require.Equal(t, 7, cp.Value())
	again, _ := p.open(2)
	require.True(t, again.Found())
	require.Equal(t, 7, again.Value())
	require.Equal(t, 7, p.stored(), "a claim keeps the value")
	for info, err := range lease.List(t.Context(), lease.NewManager(p.store.Store), "") {
		t.Errorf("it is listed as a lease: %+v, %v", info, err)
	}
}

// K1: once a new term has opened it, nobody older can move it, though their terms may think that they hold.
func TestK1_TheOldTermIsShutOut(t *testing.T) {
	for newer, token := range map[string]uint64{"a later term": 2, "the same term": 1} {
		t.Run(newer, func(t *testing.T) {
			p := newPlace(t)
			old, _ := p.open(1)
			require.NoError(t, old.Save(t.Context(), 5))
			next, _ := p.open(token)
			require.Equal(t, 5, next.Value())
			require.ErrorIs(t, old.Save(t.Context(), 6), lease.ErrLost)
			require.Equal(t, 5, p.stored())
			require.NoError(t, next.Save(t.Context(), 7))
			require.ErrorIs(t, old.Save(t.Context(), 8), lease.ErrLost)
			require.Equal(t, 7, p.stored())
		})
	}
}

// An old writer that wakes up late, at every point of what the new one does, neither moves the position back nor is lost without a
// word: the new term goes on from the last value that was acknowledged, or from one that was written after it.
func TestK1_AnOldWriterAtEveryPoint(t *testing.T) {
	for point := range 6 {
		for _, how := range []string{"saves", "a save that was sent before lands"} {
			p := newPlace(t)
			old, _ := p.open(1)
			require.NoError(t, old.Save(t.Context(), 5))
			wake := func() { _ = old.Save(t.Context(), 6) }
			if how != "saves" {
				var late func() (lease.Version, error)
				p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
					late = apply
					return "", errDown
				})
				require.ErrorIs(t, old.Save(t.Context(), 6), errDown)
				wake = func() { _, _ = late() }
			}
			step := 0
			at := func() {
				if step++; step-1 == point {
					p.store.fail(nil, nil)
					wake()
				}
			}
			p.store.fail(func() error { at(); return nil }, func(apply func() (lease.Version, error)) (lease.Version, error) {
				at()
				defer at()
				return apply()
			})
			next, _ := p.open(2)
			from := next.Value()
			require.Contains(t, []int{5, 6}, from)
			require.NoError(t, next.Save(t.Context(), from+10))
			p.store.fail(nil, nil)
			if step <= point {
				wake()
			}
			require.Equal(t, from+10, p.stored(), "point %d, %s", point, how)
			require.ErrorIs(t, old.Save(t.Context(), 6), lease.ErrLost)
		}
	}
}

// K2: a save whose answer is lost is settled by reading.
func TestK2_UnclearAnswers(t *testing.T) {
	p := newPlace(t)
	cp, _ := p.open(1)
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		_, err := apply()
		require.NoError(t, err)
		return "", errDown
	})
	require.NoError(t, cp.Save(t.Context(), 1), "it is stored, as a look shows")
	p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
	require.ErrorIs(t, cp.Save(t.Context(), 2), errDown)
	require.Equal(t, 1, cp.Value())
	p.store.fail(func() error { return errDown }, func(apply func() (lease.Version, error)) (lease.Version, error) {
		_, _ = apply()
		return "", errDown
	})
	require.ErrorContains(t, cp.Save(t.Context(), 3), "could not be read whether it is stored")
	p.store.fail(nil, nil)
	require.Equal(t, 3, p.stored())
	require.NoError(t, cp.Save(t.Context(), 4), "over its own write")
	require.Equal(t, 4, p.stored())
}

// An older save that lands late does not take a newer one back.
func TestK2_ALateSave(t *testing.T) {
	p := newPlace(t)
	cp, _ := p.open(1)
	var late func() (lease.Version, error)
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		late = apply
		return "", errDown
	})
	require.Error(t, cp.Save(t.Context(), 1))
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		_, _ = late() // just before
		return apply()
	})
	require.NoError(t, cp.Save(t.Context(), 2))
	p.store.fail(nil, nil)
	_, _ = late()
	require.Equal(t, 2, p.stored())
}

// An Open whose answer is lost: the next one finds the value, whatever has landed.
func TestOpen_UnclearAnswers(t *testing.T) {
	p := newPlace(t)
	cp, _ := p.open(1)
	require.NoError(t, cp.Save(t.Context(), 5))
	ctx, _ := p.term(2)
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		_, _ = apply()
		return "", errDown
	})
	settled, err := checkpoint.Open[int](ctx, p.manager(), name)
	require.NoError(t, err, "a look shows that it is claimed")
	require.Equal(t, 5, settled.Value())
	var late func() (lease.Version, error)
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		late = apply
		return "", errDown
	})
	_, err = checkpoint.Open[int](ctx, p.manager(), name)
	require.ErrorIs(t, err, errDown)
	p.store.fail(nil, nil)
	_, _ = late()
	again, err := checkpoint.Open[int](ctx, p.manager(), name)
	require.NoError(t, err)
	require.Equal(t, 5, again.Value())
}

func TestSave_WhenTheTermIsOver(t *testing.T) {
	p := newPlace(t)
	cp, keeper := p.open(1)
	keeper.End(nil)
	p.store.sent()
	require.ErrorIs(t, cp.Save(t.Context(), 1), lease.ErrLost)
	require.ErrorIs(t, cp.Flush(t.Context()), nil)
	loads, swaps := p.store.sent()
	require.Zero(t, loads+swaps, "nothing is sent")
	ctx, keeper := p.term(2)
	keeper.End(nil)
	_, err := checkpoint.Open[int](ctx, p.manager(), name)
	require.ErrorIs(t, err, lease.ErrLost)
}

func TestReset(t *testing.T) {
	p := newPlace(t)
	require.ErrorContains(t, checkpoint.Reset(t.Context(), p.manager(), name, 3), "say so with For")
	cp, _ := p.open(4)
	require.NoError(t, cp.Save(t.Context(), 5))
	require.NoError(t, checkpoint.Reset(t.Context(), p.manager(), name, 3))
	require.ErrorIs(t, cp.Save(t.Context(), 6), lease.ErrLost, "the worker that has it open is shut out")
	info, err := checkpoint.Inspect[int](t.Context(), p.manager(), name)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Info[int]{Name: name, Lease: "orders", Token: 4, Value: 3, Found: true}, info)

	ctx, _ := p.term(2)
	_, err = checkpoint.Open[int](ctx, p.manager(), name)
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.ErrorContains(t, err, "token 4, and this term, which holds, has 2")
	require.NoError(t, checkpoint.Reset(t.Context(), p.manager(), name, 3, checkpoint.For("orders", 0)))
	_, err = checkpoint.Open[int](ctx, p.manager(), name)
	require.NoError(t, err)
	require.NoError(t, checkpoint.Reset(t.Context(), p.manager(), name, 3, checkpoint.For("payments", 0)))
	_, err = checkpoint.Open[int](ctx, p.manager(), name)
	require.ErrorContains(t, err, `belongs to lease "payments"`)
}

func TestReset_UnclearAnswers(t *testing.T) {
	p := newPlace(t)
	p.open(1)
	p.store.fail(nil, func(apply func() (lease.Version, error)) (lease.Version, error) {
		_, _ = apply()
		return "", errDown
	})
	require.NoError(t, checkpoint.Reset(t.Context(), p.manager(), name, 3))
	p.store.fail(nil, func(func() (lease.Version, error)) (lease.Version, error) { return "", errDown })
	require.ErrorIs(t, checkpoint.Reset(t.Context(), p.manager(), name, 4), errDown)
	require.Equal(t, 3, p.stored())
}

func TestRefused(t *testing.T) {
	p := newPlace(t)
	_, err := checkpoint.Open[int](t.Context(), p.manager(), name)
	require.ErrorContains(t, err, "the context carries no term")
	ctx, _ := p.term(1)
	for _, bad := range []string{"", "\n", strings.Repeat("x", 250)} {
		_, err := checkpoint.Open[int](ctx, p.manager(), bad)
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	for _, bad := range []time.Duration{-1, 10} {
		_, err = checkpoint.Open[int](ctx, p.manager(), name, checkpoint.Every(bad))
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	require.ErrorContains(t, err, "write 10*time.Second")
	_, err = checkpoint.Open[int](ctx, p.manager(), name, nil)
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = checkpoint.Open[int](ctx, struct{ lease.Manager }{p.manager()}, name)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	texts, err := checkpoint.Open[string](ctx, p.manager(), name)
	require.NoError(t, err)
	require.ErrorIs(t, texts.Save(ctx, strings.Repeat("x", lease.MaxCell)), lease.ErrInvalid)
	require.ErrorIs(t, texts.Note(strings.Repeat("x", lease.MaxCell)), lease.ErrInvalid)
	require.NoError(t, texts.Save(ctx, "<text> & \u2028"))
	_, err = checkpoint.Open[int](ctx, p.manager(), name)
	require.ErrorIs(t, err, lease.ErrRecord, "it holds no number, and is left as it is")
	kept, err := checkpoint.Inspect[string](ctx, p.manager(), name)
	require.NoError(t, err)
	require.Equal(t, "<text> & \u2028", kept.Value)
	funcs, err := checkpoint.Open[func()](ctx, p.manager(), "another")
	require.NoError(t, err)
	require.ErrorIs(t, funcs.Save(ctx, func() {}), lease.ErrInvalid)
	_, err = p.manager().Acquire(ctx, lease.Request{Name: "checkpoints/x", Holder: "h", Length: time.Minute})
	require.ErrorIs(t, err, lease.ErrInvalid)
}

// Many terms, lost answers and late writes: the position of those that have an answer never goes back, and each that opens it finds the
// last one. TestExplore has an operator, too.
func TestAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, round))
		p := newPlace(t)
		var late []func() (lease.Version, error)
		p.store.fail(func() error {
			if random.IntN(8) == 0 {
				return errDown
			}
			return nil
		}, func(apply func() (lease.Version, error)) (lease.Version, error) {
			switch random.IntN(6) {
			case 0:
				late = append(late, apply)
				return "", errDown
			case 1:
				_, _ = apply()
				return "", errDown
			}
			return apply()
		})
		var all []*checkpoint.Checkpoint[int]
		position, at, newest := 0, -1, -1
		for step := range 60 {
			switch {
			case random.IntN(5) == 0 && len(late) > 0:
				_, _ = late[0]()
				late = late[1:]
			case random.IntN(6) == 0 || len(all) == 0:
				ctx, _ := p.term(uint64(len(all) + 1))
				cp, err := checkpoint.Open[int](ctx, p.manager(), name)
				if err != nil {
					require.ErrorIs(t, err, errDown, "step %d", step)
					cp = nil
				} else if newest = len(all); cp.Found() || at >= 0 {
					require.GreaterOrEqual(t, cp.Value(), at, "step %d: a saved position is gone", step)
					at = cp.Value()
				}
				all = append(all, cp)
			default:
				i := random.IntN(len(all))
				if all[i] == nil {
					continue
				}
				position++
				err := all[i].Save(t.Context(), position)
				if err == nil {
					require.Equal(t, newest, i, "step %d: an old term moves it", step)
					at = position
				}
				if i < newest {
					require.Error(t, err)
				}
			}
			if at >= 0 {
				require.GreaterOrEqual(t, p.stored(), at, "round %d, step %d: it went back", round, step)
			}
		}
	}
}
