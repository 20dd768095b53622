package leasetest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// cells is a store that has all that a store may have, in virtual time: a request takes a millisecond, so that what
// happens at the same time is interleaved.
type cells struct {
	*shelf
	answered func() error // nil: nothing
}

// A shelf has the cells of several managers.
type shelf struct {
	*memory.Store

	mu            sync.Mutex
	written       map[string]time.Time
	deleted       map[string]lease.Version // the version that the memory still has
	reads, writes int
	lag           func(answered bool) time.Duration // of a request and of its answer; nil: a millisecond, and nothing
	writeEvery    time.Duration                     // a write that comes sooner after another is refused
}

func newCells() *cells {
	return &cells{shelf: &shelf{Store: memory.NewStore(), written: map[string]time.Time{}, deleted: map[string]lease.Version{}}}
}

// slow returns the same cells, for a manager of Place.Slow.
func (c *cells) slow(answered func() error) *cells { return &cells{c.shelf, answered} }

func (c *cells) hear() error {
	if c.lag != nil {
		time.Sleep(c.lag(true))
	}
	if c.answered == nil {
		return nil
	}
	return c.answered()
}

func (c *cells) travel(ctx context.Context) error {
	lag := time.Millisecond
	if c.lag != nil {
		lag = c.lag(false)
	}
	select {
	case <-time.After(lag):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *cells) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	c.count(&c.reads)
	if err := c.travel(ctx); err != nil {
		return lease.Snapshot{}, err
	}
	c.mu.Lock()
	snapshot, err := c.look(ctx, name)
	c.mu.Unlock()
	if lost := c.hear(); lost != nil {
		return lease.Snapshot{}, lost
	}
	return snapshot, err
}

func (c *cells) look(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := c.Store.Load(ctx, name)
	if err != nil || snapshot.Version == "" || c.deleted[name] == snapshot.Version {
		return lease.Snapshot{}, err
	}
	snapshot.Age = max(time.Since(c.written[name]), 1)
	return snapshot, nil
}

func (c *cells) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	c.count(&c.writes)
	if err := c.travel(ctx); err != nil {
		return "", err
	}
	c.mu.Lock()
	version, err := c.write(ctx, name, old, data)
	c.mu.Unlock()
	if lost := c.hear(); lost != nil {
		return "", lost
	}
	return version, err
}

func (c *cells) write(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if lease.CheckCell(data) == nil && time.Since(c.written[name]) < c.writeEvery {
		return "", errors.New("too many requests")
	}
	if gone := c.deleted[name]; gone != "" && old == "" {
		old = gone
	} else if gone != "" && old == gone {
		old = "deleted"
	}
	version, err := c.Store.Swap(ctx, name, old, data)
	if err == nil {
		c.written[name] = time.Now()
		delete(c.deleted, name)
	}
	return version, err
}

func (c *cells) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return Late(lister{c}, c.hear).(lease.Lister).List(ctx, prefix)
}

// lister lists what is there when each cell is read.
type lister struct{ *cells }

func (c lister) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if c.lag != nil {
			if err := c.travel(ctx); err != nil {
				yield(lease.Cell{}, err)
				return
			}
		}
		for found, err := range c.Store.List(ctx, prefix) {
			c.mu.Lock()
			if err == nil {
				found.Snapshot, err = c.look(ctx, found.Name)
			}
			c.mu.Unlock()
			if err == nil && found.Snapshot.Version == "" {
				continue
			}
			if !yield(found, err) {
				return
			}
		}
	}
}

func (c *cells) Limits() lease.Limits {
	return lease.Limits{MinLength: 200 * time.Millisecond, MaxLength: 24 * time.Hour, LengthStep: time.Millisecond, WriteEvery: c.writeEvery, MaxValue: 1 << 10}
}

func (c *cells) Delete(ctx context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	snapshot, err := c.look(ctx, name)
	c.deleted[name] = snapshot.Version
	return err
}

func (c *cells) count(requests *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*requests++
}

func (c *cells) Requests() (reads, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads, c.writes
}

// place has everything that a check may need.
func (c *cells) place(manager func(*cells) lease.Manager) Place {
	return Place{
		Manager: func() lease.Manager { return manager(c) }, Store: c, Delete: c.Delete, Requests: c.Requests,
		Slow: func(answered func() error) lease.Manager { return manager(c.slow(answered)) },
	}
}

// harness opens places with everything that a check may need.
func harness(manager func(*cells) lease.Manager) Harness {
	return Harness{Virtual: true, Age: true, Open: func(testing.TB) Place { return newCells().place(manager) }}
}
