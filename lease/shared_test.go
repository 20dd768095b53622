package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// flaky is a store in trouble: one request in four goes wrong, in any way there is.
func flaky(cells lease.Store, random *rand.Rand) *faulty {
	f := &faulty{store: ageless{cells}}
	swaps := []swapFault{failed, lostAnswer, conflicted, undecided, hung, f.later, f.hungLater, f.sentTwice, slow(5 * time.Second)}
	loads := []loadFault{unread, unanswered, slowly(5 * time.Second)}
	for range 1000 {
		f.onSwap = append(f.onSwap, nil, nil, nil, swaps[random.IntN(len(swaps))])
		f.onLoad = append(f.onLoad, nil, nil, nil, loads[random.IntN(len(loads))])
	}
	return f
}

// terms are the terms that there have been of each lease.
type terms struct {
	mu  sync.Mutex
	all map[string][]lease.Term
}

// begun is called in each term before its work: no other term may hold (S1), and its token is the greatest (S2).
func (ts *terms) begun(term lease.Term) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if term.Check() != nil {
		return nil
	}
	before := ts.all[term.Name()]
	for _, other := range before {
		if other.Check() == nil {
			return fmt.Errorf("%q: tokens %d and %d hold at once", term.Name(), other.Token(), term.Token())
		}
	}
	if n := len(before); n > 0 && before[n-1].Token() >= term.Token() {
		return fmt.Errorf("%q: token %d comes after %d", term.Name(), term.Token(), before[n-1].Token())
	}
	ts.all[term.Name()] = append(before, term)
	return nil
}

// campaign is one goroutine of a process: it acquires, works, renews and releases until ctx ends.
func campaign(ctx context.Context, m lease.Manager, of string, random *rand.Rand, ts *terms) error {
	for ctx.Err() == nil {
		sent := lease.Now(ctx)
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		held, err := m.Acquire(try, lease.Request{Name: of, Holder: "worker", Length: length})
		cancel()
		if err != nil {
			if errors.Is(err, lease.ErrLost) || errors.Is(err, lease.ErrInvalid) {
				return err
			}
			time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
			continue
		}
		work, keeper := lease.StartTerm(context.WithoutCancel(ctx), held, sent)
		term, _ := lease.TermFrom(work)
		if err := ts.begun(term); err != nil {
			return err
		}
		for range random.IntN(6) {
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
			sent := lease.Now(ctx)
			try, cancel := context.WithTimeout(work, 3*time.Second)
			renewed, err := m.Renew(try, held)
			cancel()
			if err == nil {
				held = renewed
				keeper.Extend(held, sent)
			} else if keeper.Failed(err); errors.Is(err, lease.ErrLost) {
				keeper.End(err)
			}
		}
		keeper.End(nil)
		if random.IntN(3) > 0 { // else it died
			try, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			_ = m.Release(try, held)
			cancel()
		}
	}
	return nil
}

// disturb lets late writes land, and looks at everything.
func disturb(ctx context.Context, f *faulty, m lease.Manager) {
	for ctx.Err() == nil {
		time.Sleep(4 * time.Second)
		f.land()
		for range lease.List(ctx, m, "") {
		}
	}
}

// Goroutines of one process share a manager, and several processes the cells; the store fails all the time.
func TestSharedManagers(t *testing.T) {
	const processes, goroutines, names = 2, 12, 2
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				cells, ts := memory.NewStore(), &terms{all: map[string][]lease.Term{}}
				var all sync.WaitGroup
				for p := range uint64(processes) {
					f := flaky(cells, rand.New(rand.NewPCG(seed, p)))
					m := lease.NewManager(f)
					for g := range uint64(goroutines) {
						all.Go(func() {
							if err := campaign(ctx, m, fmt.Sprint("lease ", g%names), rand.New(rand.NewPCG(seed, 100*p+g)), ts); err != nil {
								t.Error(err)
								cancel()
							}
						})
					}
					all.Go(func() { disturb(ctx, f, m) })
				}
				all.Wait()
				for of, terms := range ts.all {
					require.Greater(t, len(terms), 10, of)
				}
				require.Len(t, ts.all, names)
			})
		})
	}
}

// random is a duration below d, any with equal chance.
func random(d time.Duration) time.Duration { return rand.N(d) }
