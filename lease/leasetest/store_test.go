package leasetest

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

func TestSoundStorePassesEveryCheck(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() func() lease.Store{
		"one": once(func() lease.Store { return newCells() }),
		"two": func() func() lease.Store {
			c := newCells()
			return func() lease.Store { return c.slow(nil) }
		},
		"pooled": once(pooling),
	} {
		for _, c := range everyStoreCheck() {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					assert.Empty(t, record(t, func(t testing.TB) { c.run(t, open()) }))
					time.Sleep(2 * hintWithin) // the pool ends
				})
			})
		}
	}
}

// once opens a place that only one store can be on.
func once(open func() lease.Store) func() func() lease.Store {
	return func() func() lease.Store {
		s := open()
		return func() lease.Store { return s }
	}
}

// everyStoreCheck returns the checks of one store and those of two, alike.
func everyStoreCheck() (all []check[func() lease.Store]) {
	for _, c := range storeChecks {
		all = append(all, check[func() lease.Store]{name: c.name, run: func(t testing.TB, open func() lease.Store) { c.run(t, open()) }})
	}
	for _, c := range instanceChecks {
		all = append(all, check[func() lease.Store]{name: c.name, run: func(t testing.TB, open func() lease.Store) {
			c.run(t, instances{open(), open()})
		}})
	}
	return all
}

func TestSoundStorePassesTheSuite(t *testing.T) {
	t.Parallel()
	TestStore(t, func(testing.TB) lease.Store { return newCells() })
}

var flawedStores = []struct {
	name  string
	fails []string
	open  func() lease.Store
}{
	{"a missing cell is an error", []string{"missing cell"}, func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			snapshot, err := c.Load(ctx, name)
			if err == nil && snapshot.Version == "" {
				err = errors.New("not found")
			}
			return snapshot, err
		}}
	}},
	{"a missing cell has an age", []string{"missing cell"}, func() lease.Store {
		c := newCells()
		return flawedStore{cells: c, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			snapshot, err := c.Load(ctx, name)
			snapshot.Age = time.Second
			return snapshot, err
		}}
	}},
	{"Swap tells no version", []string{"create", "swap"}, answered(func(lease.Version, error) (lease.Version, error) { return "", nil })},
	{"a conflict is any error", []string{
		"create twice", "swap from a stale version", "swap of a missing cell", "one of many swappers wins", "no update is lost",
	}, answered(func(version lease.Version, err error) (lease.Version, error) {
		if err != nil {
			err = errors.New("precondition failed")
		}
		return version, err
	})},
	{"Load has another version than Swap", []string{"create", "swap", "one of many creators wins"}, read(func(s *lease.Snapshot) { s.Version += "x" })},
	{"the last writer wins", []string{
		"create twice", "swap from a stale version", "swap of a missing cell", "one of many creators wins", "one of many swappers wins", "no update is lost",
	}, swapped(func(_, found lease.Version) lease.Version { return found })},
	{"create overwrites", []string{"create twice", "one of many creators wins"}, swapped(func(old, found lease.Version) lease.Version {
		if old == "" {
			return found
		}
		return old
	})},
	{"a missing cell is created from any version", []string{"swap of a missing cell"}, swapped(func(old, found lease.Version) lease.Version {
		if found == "" {
			return ""
		}
		return old
	})},
	{"a cell is written once", []string{"swap", "every write makes a new version", "no update is lost"}, swapped(func(old, _ lease.Version) lease.Version {
		if old != "" {
			return "none"
		}
		return ""
	})},
	{"compares and writes in two steps", []string{
		"one of many creators wins", "one of many swappers wins", "no update is lost",
	}, twoSteps},
	{"the version is a checksum of the data", []string{"every write makes a new version"}, checksums},
	{"shares what is written", []string{"data is not shared"}, sharesWritten},
	{"shares what is read", []string{"data is not shared"}, sharesRead},
	{"loses the last byte", []string{"create", "data is exact", "every name is a separate cell"}, read(func(s *lease.Snapshot) { s.Data = s.Data[:max(len(s.Data)-1, 0)] })},
	{"trims spaces", []string{"data is exact"}, read(func(s *lease.Snapshot) { s.Data = []byte(strings.TrimSpace(string(s.Data))) })},
	{"composes characters", []string{"data is exact"}, read(func(s *lease.Snapshot) { s.Data = []byte(strings.ReplaceAll(string(s.Data), "e\u0301", "é")) })},
	{"ends lines as it likes", []string{"data is exact"}, read(func(s *lease.Snapshot) { s.Data = []byte(strings.ReplaceAll(string(s.Data), "\r\n", "\n")) })},
	{"keeps no more than 16000 bytes", []string{"data is exact"}, read(func(s *lease.Snapshot) { s.Data = s.Data[:min(len(s.Data), 16000)] })},
	{"writes as much as fits", []string{"data that no cell holds is refused"}, cutting},
	{"reads a replica that lags", []string{"a write is seen at once", "swap"}, lagging},
	{"names are lower-cased", []string{"every name is a separate cell"}, renamed(strings.ToLower)},
	{"names are composed", []string{"every name is a separate cell"}, renamed(func(name string) string { return strings.ReplaceAll(name, "e\u0301", "é") })},
	{"names are cleaned as paths", []string{"every name is a separate cell"}, renamed(path.Clean)},
	{"names are trimmed", []string{"every name is a separate cell"}, renamed(strings.TrimSpace)},
	{"names are cut at 254 bytes", []string{"every name is a separate cell"}, renamed(func(name string) string { return name[:min(len(name), 254)] })},
	{"slashes are escaped, percents are not", []string{"every name is a separate cell"}, renamed(func(name string) string { return strings.ReplaceAll(name, "/", "%2F") })},
	{"names are listed as they are kept", []string{"every name is a separate cell", "list"}, listedBy(func(_ string, _ int, c *lease.Cell) bool {
		c.Name = strings.ReplaceAll(c.Name, "/", "%2F")
		return true
	}, same)},
	{"ignores the context", []string{"ended context"}, ignoresContext},
	{"takes a minute to see that the context has ended", []string{"ended context"}, answered(func(version lease.Version, err error) (lease.Version, error) {
		if errors.Is(err, context.Canceled) {
			time.Sleep(time.Minute)
		}
		return version, err
	})},
	{"the age is twice as much", []string{"age"}, read(func(s *lease.Snapshot) { s.Age *= 2 })},
	{"the age is negative", []string{"age"}, read(func(s *lease.Snapshot) { s.Age = -1 })},
	{"a fresh cell has no age", []string{"age"}, read(func(s *lease.Snapshot) {
		if s.Age < time.Second {
			s.Age = 0
		}
	})},
	{"the age is that of the cell", []string{"age"}, ageOfCell},
	{"lists all there is", []string{"list"}, listedBy(func(string, int, *lease.Cell) bool { return true }, func(string) string { return "" })},
	{"lists folders", []string{"list"}, listedBy(func(prefix string, _ int, c *lease.Cell) bool {
		return c.Name == prefix || strings.HasPrefix(c.Name, strings.TrimSuffix(prefix, "/")+"/")
	}, same)},
	{"a prefix is a pattern", []string{"list"}, listedBy(func(prefix string, _ int, c *lease.Cell) bool { return !strings.HasSuffix(prefix, "%") }, same)},
	{"lists old versions", []string{"list"}, listedBy(func(_ string, _ int, c *lease.Cell) bool { c.Snapshot.Version += "x"; return true }, same)},
	{"gives no hints", []string{"a watch hints at changes"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		hints, err := c.Watch(ctx, name)
		return relayed(hints, 0), err
	})},
	{"gives one hint", []string{"a watch hints at changes"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		hints, err := c.Watch(ctx, name)
		return relayed(hints, 1), err
	})},
	{"watches another cell", []string{"a watch hints at changes"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		return c.Watch(ctx, name+"x")
	})},
	{"has a watch that does not end", []string{"a watch ends with its context"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		return c.Watch(context.WithoutCancel(ctx), name)
	})},
	{"leaves a goroutine behind", []string{"a watch ends with its context"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		go time.Sleep(2 * hintWithin)
		return c.Watch(ctx, name)
	})},
	{"leaves a goroutine behind if the cell has changed", []string{"a watch ends with its context"}, watchedBy(func(c *cells, ctx context.Context, name string) (<-chan struct{}, error) {
		hints, err := c.Watch(ctx, name)
		if err != nil {
			return nil, err
		}
		to := make(chan struct{}, 1)
		go func() {
			defer close(to)
			for range hints {
				go time.Sleep(2 * hintWithin)
				to <- struct{}{}
			}
		}()
		return to, nil
	})},
	{"lists one page", []string{"list of more than a megabyte"}, listedBy(func(_ string, n int, _ *lease.Cell) bool { return n <= 64 }, same)},
}

func TestFlawedStoresFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, flaw := range flawedStores {
		for _, name := range flaw.fails {
			shown[name] = true
			c := named(t, everyStoreCheck(), name)
			t.Run(flaw.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					failures := record(t, func(t testing.TB) { c.run(t, once(flaw.open)()) })
					time.Sleep(2 * hintWithin) // what the flaw leaves behind ends
					assert.NotEmpty(t, failures, "the check passes a store that is flawed")
				})
			})
		}
	}
	for _, c := range instanceChecks {
		shown[c.name] = true // by TestFlawedInstancesFail
	}
	wantAllNamed(t, everyStoreCheck(), shown)
}
