package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// F1: a part's term has the part's name and token, and ends with the work.
func TestF1_TheTermOfAPart(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		terms := make(chan lease.Term, 100)
		a := f.Join("a", func(ctx context.Context, part string) error {
			term, ok := leader.TermFrom(ctx)
			require.True(t, ok)
			require.Equal(t, "ships/parts/"+part, term.Name())
			require.NoError(t, term.Check())
			require.Positive(t, term.Remaining())
			require.ErrorIs(t, leader.SetValue(ctx, "x"), errors.ErrUnsupported)
			require.ErrorIs(t, leader.SetAttributes(ctx, nil), errors.ErrUnsupported)
			<-ctx.Done()
			require.NoError(t, term.Check(), "it may still save")
			require.NotErrorIs(t, context.Cause(ctx), lease.ErrLost)
			terms <- term
			return nil
		})
		f.Settle()
		require.NoError(t, a.Leave())
		for range 12 {
			term := <-terms
			require.ErrorIs(t, term.Check(), lease.ErrLost)
			require.Zero(t, term.Remaining())
		}
	})
}

// F1: a part keeps nothing in a lease, not even in that of a leader whose work runs the fleet.
func TestF1_APartWithinALeadersWork(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		errs, values := make(chan error, 2), make(chan string, 2)
		ships := fleet.New(fleet.WithName("ships"), fleet.WithShards(1), fleet.WithLeaseManager(f.Store()), quiet(),
			fleet.WhenAssigned(func(ctx context.Context, _ string) error {
				values <- leader.Value(ctx)
				errs <- leader.SetValue(ctx, "the part's")
				errs <- leader.SetAttributes(ctx, nil)
				<-ctx.Done()
				return nil
			}))
		outer := leader.New(leader.WithLeaseManager(f.Store()), leader.WithLeaseName("outer"), leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(func(ctx context.Context) error {
				if err := leader.SetValue(ctx, "the leader's"); err != nil {
					return err
				}
				err := ships.Run(ctx)
				values <- leader.Value(ctx)
				return err
			}))
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- outer.Run(ctx) }()
		for range 2 {
			require.ErrorIs(t, <-errs, errors.ErrUnsupported)
		}
		leave()
		require.NoError(t, <-left)
		require.Empty(t, <-values)
		require.Equal(t, "the leader's", <-values)
	})
}

// A part is not begun elsewhere before its work has returned, and what it flushes last is stored.
func TestF3_TheNextNodeWaitsForTheWork(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var flushed, slow atomic.Int32
		moved := make(chan lease.Term, 12)
		f.Join("a", func(ctx context.Context, part string) error {
			term, _ := leader.TermFrom(ctx)
			lease.BeforeEnd(ctx, func(context.Context) {
				time.Sleep(time.Second)
				if term.Check() == nil {
					flushed.Add(1)
				}
			})
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), fleet.ErrMoved) {
				slow.Add(1)
				moved <- term
				time.Sleep(length)
			}
			return nil
		})
		f.Settle()
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		require.Equal(t, int32(6), slow.Load())
		require.Equal(t, int32(6), flushed.Load())
		for range 6 {
			require.ErrorIs(t, (<-moved).Check(), lease.ErrLost, "the term is over, though the seat's goes on")
		}
	})
}

// A work that returns an error is begun again in the same term, after growing pauses; one that returns nil is done.
func TestWork_FailsAndIsDone(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var mu sync.Mutex
		tokens := map[string][]uint64{}
		a := f.Join("a", func(ctx context.Context, part string) error {
			term, _ := leader.TermFrom(ctx)
			mu.Lock()
			defer mu.Unlock()
			tokens[part] = append(tokens[part], term.Token())
			switch {
			case part == "1":
				return nil
			case part == "2" && len(tokens[part]) < 4:
				return errors.New("not yet")
			}
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			return nil
		})
		time.Sleep(6 * interval)
		states := map[string]fleet.PartStatus{}
		for _, p := range a.Status().Parts {
			states[p.Part] = p
		}
		require.Equal(t, fleet.Done, states["1"].State)
		require.Equal(t, fleet.Working, states["2"].State)
		require.EqualError(t, states["2"].Err, "not yet")
		require.Equal(t, fleet.Working, states["3"].State)
		mu.Lock()
		require.Len(t, tokens["1"], 1)
		require.Len(t, tokens["2"], 4)
		require.Equal(t, tokens["2"][0], tokens["2"][3], "the same term")
		mu.Unlock()
	})
}

// A work that always fails costs little, and is tried again within a lease length.
func TestWork_PausesGrow(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var calls atomic.Int32
		f.Join("a", func(context.Context, string) error { calls.Add(1); return errors.New("broken") })
		time.Sleep(interval * 3)
		before := calls.Load()
		time.Sleep(100 * length)
		after := calls.Load() - before
		require.GreaterOrEqual(t, after, int32(12*95))
		require.LessOrEqual(t, after, int32(12*115))
	})
}

// A panic stops all works, gives the seat back, and goes on in Run. What the works have kept in memory is written, that of the one
// that panics, too.
func TestWork_Panics(t *testing.T) {
	for what, end := range map[string]func(ctx context.Context){
		"panic":  func(context.Context) { panic("out of luck") },
		"goexit": func(context.Context) { runtimeGoexit() },
		"in BeforeEnd": func(ctx context.Context) {
			lease.BeforeEnd(ctx, func(context.Context) { panic("out of luck") })
		},
		"goexit in BeforeEnd": func(ctx context.Context) { lease.BeforeEnd(ctx, func(context.Context) { runtimeGoexit() }) },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(3))
				var stopped, flushed, begun, gone atomic.Int32
				got := make(chan any, 1)
				a := fleet.New(fleet.WithName("ships"), fleet.WithShards(3), fleet.WithLeaseManager(f.Store()), quiet(),
					fleet.WithObserver(func(e fleet.Event) {
						switch e, ok := e.(fleet.PartEvent); {
						case ok && e.Gone:
							gone.Add(1)
						case ok && e.To == fleet.Working:
							begun.Add(1)
						}
					}),
					fleet.WhenAssigned(func(ctx context.Context, part string) error {
						lease.BeforeEnd(ctx, func(context.Context) { flushed.Add(1) })
						if part == "1" {
							time.Sleep(time.Second)
							end(ctx)
							return nil
						}
						<-ctx.Done()
						stopped.Add(1)
						return nil
					}))
				go func() {
					defer func() { got <- recover() }()
					_ = a.Run(t.Context())
				}()
				how := <-got
				require.NotNil(t, how)
				require.Equal(t, int32(2), stopped.Load())
				require.Equal(t, int32(3), flushed.Load())
				require.Equal(t, int32(3), begun.Load())
				require.Equal(t, int32(3), gone.Load())
				o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				for _, n := range o.Nodes {
					require.Equal(t, lease.Free, n.State)
				}
				require.Equal(t, lease.Free, o.Coordinator.State)
			})
		})
	}
}

// A node that leaves waits for others to take its parts, but not for ever.
func TestDrainTimeout(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		a.Store.Set(leadertestCutOff)
		began := time.Now()
		require.NoError(t, a.Leave())
		require.Less(t, time.Since(began), 2*length, "its seat has run out")
	})
}

// Drain is the end of Run's context, from inside.
func TestDrain(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.NoError(t, a.Drain(t.Context()))
		require.NoError(t, a.Result())
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
		require.NoError(t, a.Drain(t.Context()), "of a fleet that does not run")
	})
}

// An unhealthy node drains, does not coordinate, and takes parts again when it is healthy.
func TestHealth(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var sick atomic.Bool
		a := f.Join("a", fleettest.Wait, fleet.WithHealth(func(context.Context) error {
			if sick.Load() {
				return errors.New("fever")
			}
			return nil
		}))
		f.Settle()
		require.True(t, a.Status().Coordinates)
		f.Join("b", fleettest.Wait)
		f.Settle()
		sick.Store(true)
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
		require.False(t, a.Status().Coordinates)
		require.ErrorIs(t, a.Status().Health, fleet.ErrUnhealthy)
		sick.Store(false)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
	})
}

// A node that leaves does not wait for a plan once its works have returned by themselves: nobody may be there to make one.
func TestDrain_WorksThatHaveReturned(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		killed := make(chan struct{})
		b := f.Join("b", func(context.Context, string) error {
			<-killed
			return nil
		})
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		a.Sleep(length / 2)
		left := make(chan error, 1)
		go func() { left <- b.Leave() }()
		time.Sleep(length / 4)
		require.Empty(t, left, "its works go on")
		close(killed)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, left, 1)
		require.NoError(t, <-left)
		f.Settle()
		require.Equal(t, map[string]int{"a": 12}, f.Loads())
	}, fleet.WithDrainTimeout(time.Hour))
}

// R8: a work that has failed is not begun again in a term that has ended while the machine slept.
func TestWork_IsNotBegunAgainAfterASleep(t *testing.T) {
	for range 20 {
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			var falls, late atomic.Int32
			fell := make(chan struct{}, 12)
			a := f.Join("a", func(ctx context.Context, _ string) error {
				if term, _ := lease.TermFrom(ctx); term.Check() != nil {
					late.Add(1)
				}
				if falls.Add(1) <= 6 {
					fell <- struct{}{}
					return errors.New("not yet")
				}
				<-ctx.Done()
				return nil
			})
			<-fell
			synctest.Wait()
			a.Sleep(10 * length)
			time.Sleep(20 * length)
			require.Zero(t, late.Load())
		})
	}
}
