package leasetest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

func TestSoundStorePassesEveryCheck(t *testing.T) {
	t.Parallel()
	for _, c := range storeChecks {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Empty(t, record(t, func(t testing.TB) { c.run(t, newCells()) }))
			})
		})
	}
}

func TestSoundStorePassesTheSuite(t *testing.T) {
	t.Parallel()
	TestStore(t, func(testing.TB) lease.Store { return newCells() })
}

// flawedStore does what its functions do, if it has them, instead of the sound store's methods.
type flawedStore struct {
	*cells
	load func(ctx context.Context, name string) (lease.Snapshot, error)
	swap func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error)
	list func(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error]
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

var flawedStores = []struct {
	name  string
	open  func() lease.Store
	fails []string
}{
	{"a missing cell is an error", func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			snapshot, err := c.Load(ctx, name)
			if err == nil && snapshot.Version == "" {
				err = errors.New("not found")
			}
			return snapshot, err
		}}
	}, []string{"missing cell"}},
	{"Load has another version than Swap", read(func(s *lease.Snapshot) { s.Version += "x" }), []string{"create", "swap", "one of many creators wins"}},
	{"the last writer wins", swapped(func(_, found lease.Version) lease.Version { return found }),
		[]string{"create twice", "swap from a stale version", "swap of a missing cell", "one of many creators wins", "one of many swappers wins", "no update is lost"}},
	{"create overwrites", swapped(func(old, found lease.Version) lease.Version {
		if old == "" {
			return found
		}
		return old
	}), []string{"create twice", "one of many creators wins"}},
	{"a missing cell is created from any version", swapped(func(old, found lease.Version) lease.Version {
		if found == "" {
			return ""
		}
		return old
	}), []string{"swap of a missing cell"}},
	{"a cell is written once", swapped(func(old, _ lease.Version) lease.Version {
		if old != "" {
			return "none"
		}
		return ""
	}), []string{"swap", "every write has a version of its own", "no update is lost"}},
	{"compares and writes in two steps", twoSteps, []string{"one of many creators wins", "one of many swappers wins", "no update is lost"}},
	{"the version is a checksum of the data", checksums, []string{"every write has a version of its own"}},
	{"shares what is written", sharesWritten, []string{"data is not shared"}},
	{"shares what is read", sharesRead, []string{"data is not shared"}},
	{"loses the last byte", read(func(s *lease.Snapshot) { s.Data = s.Data[:max(len(s.Data)-1, 0)] }), []string{"create", "data is exact", "every name is a cell of its own"}},
	{"trims spaces", read(func(s *lease.Snapshot) { s.Data = []byte(strings.TrimSpace(string(s.Data))) }), []string{"data is exact"}},
	{"composes characters", read(func(s *lease.Snapshot) { s.Data = []byte(strings.ReplaceAll(string(s.Data), "e\u0301", "é")) }), []string{"data is exact"}},
	{"ends lines as it likes", read(func(s *lease.Snapshot) { s.Data = []byte(strings.ReplaceAll(string(s.Data), "\r\n", "\n")) }), []string{"data is exact"}},
	{"keeps no more than 16000 bytes", read(func(s *lease.Snapshot) { s.Data = s.Data[:min(len(s.Data), 16000)] }), []string{"data is exact"}},
	{"reads a replica that lags", lagging, []string{"a write is seen at once", "swap"}},
	{"names are lower-cased", renamed(strings.ToLower), []string{"every name is a cell of its own"}},
	{"names are composed", renamed(func(name string) string { return strings.ReplaceAll(name, "e\u0301", "é") }), []string{"every name is a cell of its own"}},
	{"names are cleaned as paths", renamed(path.Clean), []string{"every name is a cell of its own"}},
	{"names are trimmed", renamed(strings.TrimSpace), []string{"every name is a cell of its own"}},
	{"names are cut at 254 bytes", renamed(func(name string) string { return name[:min(len(name), 254)] }), []string{"every name is a cell of its own"}},
	{"slashes are escaped, percents are not", renamed(func(name string) string { return strings.ReplaceAll(name, "/", "%2F") }), []string{"every name is a cell of its own"}},
	{"names are listed as they are kept", listedBy(func(_ string, _ int, c *lease.Cell) bool {
		c.Name = strings.ReplaceAll(c.Name, "/", "%2F")
		return true
	}, same), []string{"every name is a cell of its own", "list"}},
	{"ignores the context", ignoresContext, []string{"ended context"}},
	{"the age is twice as much", read(func(s *lease.Snapshot) { s.Age *= 2 }), []string{"age"}},
	{"the age is negative", read(func(s *lease.Snapshot) { s.Age = -1 }), []string{"age"}},
	{"the age is that of the cell", ageOfCell, []string{"age"}},
	{"lists all there is", listedBy(func(string, int, *lease.Cell) bool { return true }, func(string) string { return "" }), []string{"list"}},
	{"lists folders", listedBy(func(prefix string, _ int, c *lease.Cell) bool {
		return c.Name == prefix || strings.HasPrefix(c.Name, strings.TrimSuffix(prefix, "/")+"/")
	}, same), []string{"list"}},
	{"a prefix is a pattern", listedBy(func(prefix string, _ int, c *lease.Cell) bool { return !strings.HasSuffix(prefix, "%") }, same), []string{"list"}},
	{"lists old versions", listedBy(func(_ string, _ int, c *lease.Cell) bool { c.Snapshot.Version += "x"; return true }, same), []string{"list"}},
	{"lists one page", listedBy(func(_ string, n int, _ *lease.Cell) bool { return n <= 64 }, same), []string{"list of more than a megabyte"}},
}

func twoSteps() lease.Store {
	c := newCells()
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

func TestFlawedStoresFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, flaw := range flawedStores {
		for _, name := range flaw.fails {
			shown[name] = true
			c := named(t, storeChecks, name)
			t.Run(flaw.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					failures := record(t, func(t testing.TB) { c.run(t, flaw.open()) })
					assert.NotEmpty(t, failures, "the check passes a store that is flawed")
				})
			})
		}
	}
	wantAllNamed(t, storeChecks, shown)
}
