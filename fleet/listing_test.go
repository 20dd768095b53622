package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// withoutParts runs a test of a fleet whose nodes are to say which parts there are.
func withoutParts(t *testing.T, test func(t *testing.T, f *fleettest.Fleet)) {
	synctest.Test(t, func(t *testing.T) { test(t, fleettest.New(t, fleet.WithName("ships"))) })
}

// A list that does not answer is not asked again meanwhile, and that is told once.
func TestList_DoesNotAnswer(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		const every = length
		release := make(chan struct{})
		var calls, told atomic.Int32
		f.Join("a", fleettest.Wait, fleet.WithPartsFrom(every, func(context.Context) ([]string, error) {
			if calls.Add(1) == 2 {
				<-release
			}
			return []string{"0", "1"}, nil
		}), fleet.WithObserver(func(e fleet.Event) {
			if trouble, ok := e.(fleet.TroubleEvent); ok && trouble.Doing == "listing the parts" {
				told.Add(1)
			}
		}))
		for calls.Load() < 2 {
			time.Sleep(time.Second)
		}
		time.Sleep(2 * every)
		before := told.Load()
		time.Sleep(10 * every)
		after := told.Load()
		asked := calls.Load()
		close(release)
		require.Equal(t, int32(1), before)
		require.Equal(t, int32(1), after)
		require.Equal(t, int32(2), asked)
		time.Sleep(3 * every)
		require.Greater(t, calls.Load(), int32(2), "it goes on")
	})
}

// A list that ends when its context does is one failure, and is told as such.
func TestList_EndsWithItsContext(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		const every = length
		var calls, told atomic.Int32
		f.Join("a", fleettest.Wait, fleet.WithPartsFrom(every, func(ctx context.Context) ([]string, error) {
			if calls.Add(1) > 1 {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return []string{"0", "1"}, nil
		}), fleet.WithObserver(func(e fleet.Event) {
			if _, ok := e.(fleet.TroubleEvent); ok {
				told.Add(1)
			}
		}))
		time.Sleep(20*every + every/2) // between two calls
		synctest.Wait()
		require.Equal(t, calls.Load()-2, told.Load(), "all but the first and the last")
	})
}

// Functions of the user that end their goroutines have failed, and are called again.
func TestGoexit(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		var lists, checks atomic.Int32
		a := f.Join("a", fleettest.Wait, fleet.WithPartsFrom(interval, func(context.Context) ([]string, error) {
			if lists.Add(1) == 2 {
				runtime.Goexit()
			}
			return []string{"0", "1"}, nil
		}), fleet.WithHealth(func(context.Context) error {
			if checks.Add(1) == 20 {
				runtime.Goexit()
			}
			return nil
		}))
		f.Settle()
		time.Sleep(20 * length)
		f.Settle()
		require.Greater(t, lists.Load(), int32(2))
		require.Greater(t, checks.Load(), int32(20))
		require.NoError(t, a.Status().Health)
		require.Equal(t, map[string]int{"a": 2}, f.Loads())
	})
}

// A list of parts whose plan does not fit into the coordinator's lease changes nothing, and is reported: a node that dies does not
// keep its parts until there is another list (F10).
func TestList_DoesNotFit(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		var mu sync.Mutex
		list := []string{"0", "1", "2", "3"}
		tr := &troubles{}
		from := fleet.WithPartsFrom(interval, func(context.Context) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			return list, nil
		})
		set := func(parts []string) {
			mu.Lock()
			defer mu.Unlock()
			list = parts
		}
		a := f.Join("a", fleettest.Wait, from, fleet.WithLeaseManager(brief{f.Store()}), tr.option())
		f.Settle()
		b := f.Join("b", fleettest.Wait, from)
		f.Settle()
		require.True(t, a.Status().Coordinates)
		require.Equal(t, map[string]int{"a": 2, "b": 2}, f.Loads())
		var long []string
		for n := range byte(40) {
			long = append(long, fmt.Sprintf("%x", rand.NewChaCha8([32]byte{n}).Uint64()))
		}
		set(long)
		time.Sleep(2 * length)
		b.Crash()
		f.Settle()
		require.Equal(t, map[string]int{"a": 4}, f.Loads())
		tr.require(t, "a: listing the parts: ")
		set([]string{"0", "1", "2", "3", "4"})
		f.Settle()
		require.Equal(t, map[string]int{"a": 5}, f.Loads(), "one that fits is taken")
	})
}

// What the fleet calls for its coordinator does not have the coordinator's term: it could replace the plan, which is that lease's value.
func TestList_IsNotTheOfficesWork(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		var calls, ended atomic.Int32
		tries := func(ctx context.Context) {
			calls.Add(1)
			_, carried := lease.TermFrom(ctx)
			assert.False(t, carried)
			assert.Error(t, leader.SetValue(ctx, "hello"))
			assert.Error(t, leader.SetAttributes(ctx, map[string]string{"hello": "world"}))
			assert.Empty(t, leader.Value(ctx))
		}
		a := f.Join("a", fleettest.Wait, fleet.WithPartsFrom(interval, func(ctx context.Context) ([]string, error) {
			tries(ctx)
			return []string{"0", "1"}, nil
		}), fleet.WithWake(func(ctx context.Context, seen lease.Info) error {
			tries(ctx)
			<-ctx.Done()
			ended.Add(1)
			return context.Cause(ctx)
		}))
		f.Settle()
		require.Greater(t, calls.Load(), int32(4))
		require.Equal(t, map[string]int{"a": 2}, f.Loads())
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Len(t, o.Parts, 2)
		require.Empty(t, o.Coordinator.Attributes)
		require.Zero(t, ended.Load())
		a.Store.Set(leadertest.CutOff)
		time.Sleep(2 * length)
		require.NotZero(t, ended.Load(), "it ends with the office")
	})
}

// A fleet that has no parts yet does not wait for a whole period after a list that failed, or had none. Once it has told some, the period counts.
func TestList_FailsAtFirst(t *testing.T) {
	for what, answer := range map[string]error{"an error": errors.New("the database is down"), "no parts": nil} {
		t.Run(what, func(t *testing.T) {
			withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
				var calls atomic.Int32
				f.Join("a", fleettest.Wait, fleet.WithPartsFrom(time.Hour, func(context.Context) ([]string, error) {
					if n := calls.Add(1); n < 4 || n > 4 {
						return nil, answer
					}
					return []string{"0", "1"}, nil
				}))
				time.Sleep(10 * interval)
				require.Equal(t, int32(4), calls.Load(), "after one interval, two and four")
				f.Settle()
				require.Equal(t, map[string]int{"a": 2}, f.Loads())
				time.Sleep(50 * time.Minute)
				require.Equal(t, int32(4), calls.Load())
				time.Sleep(2 * time.Hour)
				require.LessOrEqual(t, calls.Load(), int32(7))
				require.Equal(t, map[string]int{"a": 2}, f.Loads())
			})
		})
	}
}

// The pauses grow up to the period, and not over it.
func TestList_FailsForLong(t *testing.T) {
	withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
		var calls atomic.Int32
		f.Join("a", fleettest.Wait, fleet.WithPartsFrom(time.Hour, func(context.Context) ([]string, error) {
			calls.Add(1)
			return nil, errors.New("the database is down")
		}))
		time.Sleep(10 * time.Hour)
		require.InDelta(t, 19, calls.Load(), 3)
	})
}
