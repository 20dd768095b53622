package leasetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// flawedStore does what its functions do, if it has them, instead of the sound store's methods.
type flawedStore struct {
	*cells
	load func(ctx context.Context, name string) (lease.Snapshot, error)
	swap func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error)
	list func(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error]
	hint func(ctx context.Context, name string) (<-chan struct{}, error)
}

func (s flawedStore) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if s.load != nil {
		return s.load(ctx, name)
	}
	return s.cells.Load(ctx, name)
}

func (s flawedStore) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if s.swap != nil {
		return s.swap(ctx, name, old, data)
	}
	return s.cells.Swap(ctx, name, old, data)
}

func (s flawedStore) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	if s.list != nil {
		return s.list(ctx, prefix)
	}
	return s.cells.List(ctx, prefix)
}

func (s flawedStore) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	if s.hint != nil {
		return s.hint(ctx, name)
	}
	return s.cells.Watch(ctx, name)
}

// watchedBy makes a store whose Watch is another.
func watchedBy(hint func(c *cells, ctx context.Context, name string) (<-chan struct{}, error)) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, hint: func(ctx context.Context, name string) (<-chan struct{}, error) { return hint(c, ctx, name) }}
	}
}

// relayed passes hints on, as many as it may.
func relayed(from <-chan struct{}, most int) <-chan struct{} {
	to := make(chan struct{}, 1)
	go func() {
		defer close(to)
		for range from {
			if most--; most >= 0 {
				to <- struct{}{}
			}
		}
	}()
	return to
}

// renamed makes a store that keeps a cell under another name.
func renamed(key func(string) string) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c,
			load: func(ctx context.Context, name string) (lease.Snapshot, error) { return c.Load(ctx, key(name)) },
			swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
				return c.Swap(ctx, key(name), old, data)
			},
		}
	}
}

// read makes a store whose Load is changed.
func read(change func(*lease.Snapshot)) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			snapshot, err := c.Load(ctx, name)
			if snapshot.Version != "" {
				change(&snapshot)
			}
			return snapshot, err
		}}
	}
}

// answered makes a store whose Swap answers something else than what has happened.
func answered(change func(lease.Version, error) (lease.Version, error)) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			return change(c.Swap(ctx, name, old, data))
		}}
	}
}

// swapped makes a store that writes what it should not, or does not what it should: from says which version it gives
// out as the one it was asked for, when the cell has the version found.
func swapped(from func(old, found lease.Version) lease.Version) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			if err := c.travel(ctx); err != nil {
				return "", err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			snapshot, err := c.look(ctx, name)
			if err != nil {
				return "", err
			}
			return c.write(ctx, name, from(old, snapshot.Version), data)
		}}
	}
}

// listedBy makes a store whose List is changed: a cell for which keep is false is left out.
func listedBy(keep func(prefix string, n int, cell *lease.Cell) bool, search func(prefix string) string) func() lease.Store {
	return func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, list: func(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
			return func(yield func(lease.Cell, error) bool) {
				n := 0
				for cell, err := range c.List(ctx, search(prefix)) {
					n++
					if (err != nil || keep(prefix, n, &cell)) && !yield(cell, err) {
						return
					}
				}
			}
		}}
	}
}

func same(prefix string) string { return prefix }

// cutting makes data fit that no cell holds.
func cutting() lease.Store {
	c := newCells()
	return flawedStore{cells: c, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		return c.Swap(ctx, name, old, bytes.ToValidUTF8(data[:min(len(data), lease.MaxCell)], nil))
	}}
}

func checksums() lease.Store {
	c := newCells()
	sum := func(s lease.Snapshot) lease.Version {
		if s.Version == "" {
			return ""
		}
		return lease.Version(fmt.Sprint(crc32.ChecksumIEEE(s.Data)))
	}
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			s, err := c.Load(ctx, name)
			s.Version = sum(s)
			return s, err
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			s, err := c.Load(ctx, name)
			if err != nil || sum(s) != old {
				return "", errors.Join(err, lease.ErrConflict)
			}
			version, err := c.Swap(ctx, name, s.Version, data)
			return sum(lease.Snapshot{Data: data, Version: version}), err
		}}
}

func sharesWritten() lease.Store {
	c := newCells()
	var mu sync.Mutex
	given := map[lease.Version][]byte{}
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			s, err := c.Load(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			s.Data = []byte(string(given[s.Version]))
			return s, err
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			version, err := c.Swap(ctx, name, old, data)
			mu.Lock()
			defer mu.Unlock()
			given[version] = data
			return version, err
		}}
}

func sharesRead() lease.Store {
	c := newCells()
	var mu sync.Mutex
	given := map[lease.Version][]byte{}
	return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
		s, err := c.Load(ctx, name)
		mu.Lock()
		defer mu.Unlock()
		if data, ok := given[s.Version]; ok {
			s.Data = data
		}
		given[s.Version] = s.Data
		return s, err
	}}
}

func lagging() lease.Store {
	c := newCells()
	var mu sync.Mutex
	before := map[string]lease.Snapshot{}
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			now, err := c.Load(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			shown := before[name]
			before[name] = now
			return shown, err
		},
	}
}

func ignoresContext() lease.Store {
	c := newCells()
	return flawedStore{cells: c,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			return c.Load(context.WithoutCancel(ctx), name)
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			return c.Swap(context.WithoutCancel(ctx), name, old, data)
		},
		list: func(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
			return c.List(context.WithoutCancel(ctx), prefix)
		}}
}

func ageOfCell() lease.Store {
	c := newCells()
	var mu sync.Mutex
	born := map[string]time.Time{}
	return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
		s, err := c.Load(ctx, name)
		mu.Lock()
		defer mu.Unlock()
		if born[name].IsZero() {
			born[name] = time.Now()
		}
		s.Age = time.Since(born[name])
		return s, err
	}}
}
