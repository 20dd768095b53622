package leader_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// keeper adds a machine, and returns a channel that gets the context of each of its works.
func (w *world) keeper(name string, opts ...leader.Option) (*node, chan context.Context) {
	works := make(chan context.Context, 100)
	return w.nodeDoing(name, func(ctx context.Context) error {
		works <- ctx
		<-ctx.Done()
		return ctx.Err()
	}, opts...), works
}

func TestValue_OutlivesTheLeader(t *testing.T) {
	for how, leave := range map[string]func(n *node){
		"it stops":        func(n *node) { n.cancel(nil) },
		"it is cut off":   func(n *node) { n.link.set(hang) },
		"it steps down":   func(n *node) { _ = n.StepDown(context.Background()) },
		"it falls asleep": func(n *node) { n.machine.Suspend() },
	} {
		t.Run(how, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, works := w.keeper("a")
				b, next := w.keeper("b")
				ctx := <-worksOf(a, works)
				b.run()
				synctest.Wait()
				require.Empty(t, leader.Value(ctx))
				require.NoError(t, leader.SetValue(ctx, "position 7"))
				require.Equal(t, "position 7", leader.Value(ctx))
				require.Equal(t, "position 7", w.look().Value)
				leave(a)
				require.Equal(t, "position 7", leader.Value(<-next))
			})
		})
	}
}

// worksOf starts the node.
func worksOf(n *node, works chan context.Context) chan context.Context {
	n.run()
	return works
}

// A value is one renewal, which begins at once.
func TestSetValue_IsARenewal(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		time.Sleep(2 * time.Second)
		_, before := a.link.counts()
		began := time.Now()
		require.NoError(t, leader.SetValue(ctx, "x"))
		require.Zero(t, time.Since(began))
		loads, after := a.link.counts()
		require.Equal(t, 1, after-before)
		require.Equal(t, 1, loads, "of the acquisition")
		term, _ := leader.TermFrom(ctx)
		require.Equal(t, usable, term.Remaining())
		time.Sleep(time.Hour)
		_, hour := a.link.counts()
		require.InDelta(t, time.Hour/every, hour-after, 1, "no more renewals than without it")
	})
}

// V2: a value whose answer is lost is an error, and stays set: the next renewal, or the release, stores it.
func TestV2_AnUnclearValueStaysSet(t *testing.T) {
	for fault, f := range map[string]func(request){"cut": cut, "the answers are lost": loseAnswers, "hang": hang} {
		for how, goOn := range map[string]func(n *node){
			"renewed":  func(*node) { time.Sleep(2 * every) },
			"released": func(n *node) { _ = n.stop() },
		} {
			t.Run(fault+", "+how, func(t *testing.T) {
				inWorld(t, func(w *world) {
					a, works := w.keeper("a")
					ctx := <-worksOf(a, works)
					require.NoError(t, leader.SetValue(ctx, "older"))
					a.link.set(f)
					err := leader.SetValue(ctx, "newer")
					require.Error(t, err)
					require.NotErrorIs(t, err, lease.ErrLost)
					require.ErrorContains(t, err, `leader: SetValue: lease "leader": `)
					require.Equal(t, "newer", leader.Value(ctx))
					a.link.set(nil)
					goOn(a)
					require.Equal(t, "newer", w.look().Value)
				})
			})
		}
	}
}

// V3: a renewal that was given up lands after the one that stored a newer value.
func TestV3_ALateRenewalTakesNothingBack(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		late := make(chan func(), 1)
		a.link.set(func(q request) {
			if q.op == "swap" {
				late <- q.send
			}
			*q.err = errLost
		})
		require.Error(t, leader.SetValue(ctx, "older"))
		land := <-late
		a.link.set(func(q request) {
			land() // just before
			q.send()
		})
		require.NoError(t, leader.SetValue(ctx, "newer"))
		a.link.set(nil)
		require.Equal(t, "newer", w.look().Value)
		require.NoError(t, a.stop())
		require.Equal(t, "newer", w.look().Value)
	})
}

// V3: a renewal that hangs is given up, and goes on once a newer value is stored: it finds that, and leaves it.
func TestV3_ARenewalThatHangsTakesNothingBack(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		goOn := make(chan struct{})
		var first atomic.Bool
		a.link.set(func(q request) {
			if q.op == "swap" && first.CompareAndSwap(false, true) {
				<-goOn // whatever its context says
			}
			q.send()
		})
		require.Error(t, leader.SetValue(ctx, "older"))
		require.NoError(t, leader.SetValue(ctx, "newer"))
		close(goOn)
		synctest.Wait()
		require.Equal(t, "newer", w.look().Value)
		time.Sleep(time.Minute)
		require.Equal(t, "newer", w.look().Value)
	})
}

func TestSetValue_WhenTheTermIsOver(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		a.link.set(hang)
		answer := make(chan error, 1)
		go func() { answer <- leader.SetValue(context.WithoutCancel(ctx), "too late") }()
		err := <-answer
		require.Error(t, err, "the first attempt")
		time.Sleep(length)
		var lost *lease.LostError
		require.ErrorAs(t, leader.SetValue(context.WithoutCancel(ctx), "too late"), &lost)
		require.Equal(t, lease.LostExpired, lost.Reason)
		a.link.set(nil)
		next := <-works
		require.NoError(t, leader.SetValue(next, "in time"))
		require.ErrorIs(t, leader.SetValue(context.WithoutCancel(ctx), "of an old term"), lease.ErrLost)
		require.Equal(t, "in time", w.look().Value)
	})
}

// While the work stops, the lease is still this node's, and so is its value.
func TestSetValue_WhileTheWorkStops(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error {
			<-ctx.Done()
			assert.ErrorIs(t, leader.SetValue(ctx, "refused"), context.Canceled)
			return leader.SetValue(context.WithoutCancel(ctx), "the last one")
		}).run()
		a.leads()
		require.NoError(t, a.stop())
		require.Equal(t, "the last one", w.look().Value)
	})
}

// Values that are set faster than the store may be written to become one write.
func TestSetValue_SeveralBecomeOne(t *testing.T) {
	inWorld(t, func(w *world) {
		store := &seldom{Store: memory.NewStore()}
		a, works := w.keeper("a", leader.WithLeaseManager(lease.NewManager(store)))
		ctx := <-worksOf(a, works)
		began := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { assert.NoError(t, leader.SetValue(ctx, fmt.Sprint(i))) })
		}
		all.Wait()
		require.Equal(t, time.Second, time.Since(began), "the acquisition counts, too")
		require.EqualValues(t, 2, store.swaps.Load())
		info, err := lease.Inspect(t.Context(), lease.NewManager(store), anyName)
		require.NoError(t, err)
		require.Equal(t, leader.Value(ctx), info.Value)
	})
}

// seldom is a store that may be written to once a second. It counts what is written.
type seldom struct {
	lease.Store
	swaps atomic.Int32
}

func (*seldom) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

func (s *seldom) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	s.swaps.Add(1)
	return s.Store.Swap(ctx, name, old, data)
}

func TestSetValue_Refused(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		require.NoError(t, leader.SetValue(ctx, "good"))
		for _, bad := range []string{strings.Repeat("x", 48<<10+1), "\xff"} {
			require.ErrorIs(t, leader.SetValue(ctx, bad), lease.ErrInvalid)
		}
		require.ErrorIs(t, leader.SetAttributes(ctx, map[string]string{"": "x"}), lease.ErrInvalid)
		require.Equal(t, "good", leader.Value(ctx))
		for _, other := range []context.Context{context.Background(), w.Context()} {
			require.ErrorContains(t, leader.SetValue(other, "x"), "not that of a leader's work")
			require.Empty(t, leader.Value(other))
		}
		b, works := w.keeper("b", leader.WithLeaseManager(valueless{lease.NewManager(memory.NewStore())}))
		ctx = <-worksOf(b, works)
		require.ErrorIs(t, leader.SetValue(ctx, "x"), errors.ErrUnsupported)
		require.ErrorIs(t, leader.SetAttributes(ctx, map[string]string{"a": "b"}), errors.ErrUnsupported)
	})
}

type valueless struct{ lease.Manager }

func (valueless) Limits() lease.Limits { return lease.Limits{} }

func TestSetValue_FromACallWhileLeading(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.server("a").run()
		a.leads()
		synctest.Wait()
		require.NoError(t, a.WhileLeading(context.Background(), func(ctx context.Context) error {
			if err := leader.SetValue(ctx, "of a request"); err != nil {
				return err
			}
			assert.Equal(t, "of a request", leader.Value(ctx))
			return nil
		}))
		require.Equal(t, "of a request", w.look().Value)
	})
}

func TestSetAttributes_ForThisTerm(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a", leader.WithAttributes(map[string]string{"address": "first"}))
		ctx := <-worksOf(a, works)
		mine := map[string]string{"address": "second"}
		require.NoError(t, leader.SetAttributes(ctx, mine))
		mine["address"] = "changed by its owner"
		require.Equal(t, map[string]string{"address": "second"}, w.look().Attributes)
		require.Equal(t, map[string]string{"address": "second"}, a.Status().Seen.Attributes)
		time.Sleep(time.Minute)
		require.Equal(t, map[string]string{"address": "second"}, w.look().Attributes)
		require.NoError(t, a.StepDown(context.Background()))
		<-works
		require.Equal(t, map[string]string{"address": "first"}, w.look().Attributes)
	})
}

// Whatever is lost on the way, the value that was set last is the one that stays.
func TestSetValue_AtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, round))
		inWorld(t, func(w *world) {
			a, works := w.keeper("a")
			ctx := <-worksOf(a, works)
			faults := []func(request){nil, nil, cut, loseAnswers, hang}
			last := ""
			for i := range 30 {
				a.link.set(faults[random.IntN(len(faults))])
				time.Sleep(time.Duration(random.Int64N(int64(every))))
				within, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(every))))
				text := fmt.Sprint(i)
				err := leader.SetValue(within, text)
				cancel()
				if err == nil {
					require.Equal(t, text, w.look().Value)
				}
				if leader.Value(ctx) == text {
					last = text
				} else {
					require.Error(t, err)
				}
				a.link.set(nil)
				time.Sleep(every)
				require.Equal(t, last, w.look().Value)
			}
			require.NoError(t, a.stop())
			require.Equal(t, last, w.look().Value)
		})
	}
}

// The release waits until the store may be written to, but never so long that it is not sent.
func TestRelease_WaitsForTheStore(t *testing.T) {
	for end, least := range map[time.Duration]time.Duration{10 * time.Second: time.Second, time.Second: 100 * time.Millisecond} {
		inWorld(t, func(w *world) {
			store := &seldom{Store: memory.NewStore()}
			a := w.nodeDoing("a", func(context.Context) error { return nil },
				leader.WithLeaseManager(lease.NewManager(store)), leader.WithEndTimeout(end))
			began := time.Now()
			require.NoError(t, a.Run(a.context()))
			require.GreaterOrEqual(t, time.Since(began), least)
			require.LessOrEqual(t, time.Since(began), end)
			info, err := lease.Inspect(t.Context(), lease.NewManager(store), anyName)
			require.NoError(t, err)
			require.Equal(t, lease.Free, info.State)
		})
	}
}

// A noted value costs no request: the next renewal carries it, or the release.
func TestNoteValue(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		time.Sleep(time.Second)
		_, before := a.link.counts()
		require.NoError(t, leader.NoteValue(ctx, "x"))
		require.Equal(t, "x", leader.Value(ctx))
		synctest.Wait()
		_, after := a.link.counts()
		require.Equal(t, before, after)
		require.Empty(t, w.look().Value)
		time.Sleep(every)
		_, after = a.link.counts()
		require.Equal(t, before+1, after)
		require.Equal(t, "x", w.look().Value)
		require.NoError(t, leader.NoteValue(ctx, "y"))
		require.NoError(t, a.stop())
		require.Equal(t, "y", w.look().Value)
		require.Error(t, leader.NoteValue(ctx, "z"))
	})
}

// A value that is noted while a renewal is in flight waits for the next one; one that somebody waits for follows at once.
func TestNoteValue_WhileARenewalIsInFlight(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		a.link.set(func(q request) { time.Sleep(time.Second); q.send() })
		time.Sleep(every + time.Second/2)
		require.NoError(t, leader.NoteValue(ctx, "x"))
		_, before := a.link.counts()
		time.Sleep(3 * time.Second)
		_, after := a.link.counts()
		require.Equal(t, before, after)
		require.NoError(t, leader.SetValue(ctx, "y"))
		require.Equal(t, "y", w.look().Value)
	})
}

// The term of a part of a fleet has no lease of its own that could keep anything.
func TestSetValue_InATermWithinAnother(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		ctx := <-worksOf(a, works)
		term, _ := leader.TermFrom(ctx)
		inner, keeper := lease.StartWithin(context.Background(), term, "a/parts/b", 1)
		defer keeper.End(nil)
		require.ErrorIs(t, leader.SetValue(inner, "x"), errors.ErrUnsupported)
		require.ErrorIs(t, leader.NoteValue(inner, "x"), errors.ErrUnsupported)
		require.ErrorIs(t, leader.SetAttributes(inner, nil), errors.ErrUnsupported)
		require.Empty(t, leader.Value(inner))
	})
}
