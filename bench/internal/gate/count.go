package gate

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloudlease/leader/bench/internal/overhead/alone"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// counted is a store that counts its calls.
type counted struct {
	*memory.Store
	loads, swaps int64
}

func (s *counted) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	s.loads++
	return s.Store.Load(ctx, name)
}

func (s *counted) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	s.swaps++
	return s.Store.Swap(ctx, name, old, data)
}

// storeCalls counts the calls that R7 limits: each is a request, if the store has a service.
func storeCalls(ctx context.Context) (map[string]int64, error) {
	store := &counted{Store: memory.NewStore()}
	m := lease.NewManager(store)
	request := lease.Request{Name: "orders", Holder: "one", Length: time.Hour}
	var held lease.Lease
	acquire := func() (err error) {
		held, err = m.Acquire(ctx, request)
		return err
	}
	counts := map[string]int64{}
	for _, c := range []struct {
		name string
		call func() error
		want error
	}{
		{"acquire a new lease", acquire, nil},
		{"renew", func() (err error) { held, err = m.Renew(ctx, held); return err }, nil},
		{"poll", func() error { _, err := m.Acquire(ctx, request); return err }, lease.ErrHeld},
		{"inspect", func() error { _, err := lease.Inspect(ctx, m, request.Name); return err }, nil},
		{"release", func() error { return m.Release(ctx, held) }, nil},
		{"acquire a released lease", acquire, nil},
	} {
		store.loads, store.swaps = 0, 0
		if err := c.call(); !errors.Is(err, c.want) {
			return nil, fmt.Errorf("%s: the error is %v, not %v", c.name, err, c.want)
		}
		counts[c.name+": loads"], counts[c.name+": swaps"] = store.loads, store.swaps
	}
	return counts, nil
}

// allocations counts what the protocol allocates over a store that answers at once.
func allocations(context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, name := range alone.Calls {
		call, err := alone.Call(name)
		if err != nil {
			return nil, err
		}
		counts[name] = int64(testing.AllocsPerRun(1000, func() {
			if failed := call(); failed != nil {
				err = failed
			}
		}))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return counts, nil
}
