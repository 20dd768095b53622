package leasetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

// flawedInstances are right as long as there is no other process.
var flawedInstances = []struct {
	name  string
	fails []string
	open  func(c *cells) lease.Store
}{
	{"answers from what it wrote last", []string{
		"a write is seen at once", "a version of either store is refused when it is stale", "no update is lost",
	}, remembering},
	{"compares with what it wrote last", []string{"a version of either store is refused when it is stale"}, comparing},
	{"locks in its own process alone", []string{
		"one of many creators wins", "one of many swappers wins", "no update is lost",
	}, locking},
}

func TestFlawedInstancesFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, flaw := range flawedInstances {
		for _, name := range flaw.fails {
			shown[name] = true
			c := named(t, instanceChecks, name)
			t.Run(flaw.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					alone := flaw.open(newCells())
					assert.Empty(t, record(t, func(t testing.TB) { c.run(t, instances{alone, alone}) }), "alone")
					cells := newCells()
					failures := record(t, func(t testing.TB) { c.run(t, instances{flaw.open(cells), flaw.open(cells)}) })
					assert.NotEmpty(t, failures, "the check passes a store that does not see another process")
				})
			})
		}
	}
	wantAllNamed(t, instanceChecks, shown)
}

// A latch is a mutex that does not stop the clock of a bubble while somebody waits for it.
type latch chan struct{}

func newLatch() latch { return make(latch, 1) }

func (l latch) Lock()   { l <- struct{}{} }
func (l latch) Unlock() { <-l }

// remembering is a store with a cache of what it has written.
func remembering(c *cells) lease.Store {
	mu := newLatch()
	wrote := map[string]lease.Snapshot{}
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			mu.Lock()
			defer mu.Unlock()
			if s, ok := wrote[name]; ok {
				return s, nil
			}
			return c.Load(ctx, name)
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			mu.Lock()
			defer mu.Unlock()
			version, err := c.Swap(ctx, name, old, data)
			if err == nil {
				wrote[name] = lease.Snapshot{Data: data, Version: version}
			}
			return version, err
		}}
}

// comparing is a store that believes to know the version of a cell that it has written.
func comparing(c *cells) lease.Store {
	mu := newLatch()
	wrote := map[string]lease.Version{}
	return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		mu.Lock()
		defer mu.Unlock()
		if v, ok := wrote[name]; ok && v == old {
			now, err := c.Load(ctx, name)
			if err != nil {
				return "", err
			}
			old = now.Version
		}
		version, err := c.Swap(ctx, name, old, data)
		if err == nil {
			wrote[name] = version
		}
		return version, err
	}}
}

// locking is a store that compares and writes in two steps, under a lock that other processes do not see.
func locking(c *cells) lease.Store {
	steps := twoStepsOf(c)
	mu := newLatch()
	return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		mu.Lock()
		defer mu.Unlock()
		return steps.Swap(ctx, name, old, data)
	}}
}

func twoSteps() lease.Store { return twoStepsOf(newCells()) }

func twoStepsOf(c *cells) lease.Store {
	return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		snapshot, err := c.Load(ctx, name)
		if err != nil || snapshot.Version != old {
			return "", errors.Join(err, lease.ErrConflict)
		}
		if err := c.travel(ctx); err != nil {
			return "", err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		now, _ := c.look(ctx, name)
		return c.write(ctx, name, now.Version, data)
	}}
}

// pooling is no flaw: each kind of request opens a connection that stays, with two goroutines that have the labels of the first who asks.
func pooling() lease.Store {
	c := newCells()
	var reads, writes, watches sync.Once
	connect := func() {
		for range 2 {
			go time.Sleep(2 * hintWithin)
		}
	}
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			reads.Do(connect)
			return c.Load(ctx, name)
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			writes.Do(connect)
			return c.Swap(ctx, name, old, data)
		},
		hint: func(ctx context.Context, name string) (<-chan struct{}, error) {
			watches.Do(connect)
			return c.Watch(ctx, name)
		},
	}
}
