// Package alone measures the cost of the lease protocol itself, over a store that answers at once.
package alone

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// instant is a store of one cell that answers at once, allocates nothing and keeps nothing. So all that is measured is the
// manager's. That is why it is a fake: lease/memory copies its data.
type instant struct {
	cells    []lease.Snapshot // Load shows these in turn, as if the holder had renewed since the last look
	versions [2]lease.Version
	n        int
}

func (s *instant) String() string { return "instant" }

func (s *instant) Load(context.Context, string) (lease.Snapshot, error) {
	s.n++
	return s.cells[s.n%len(s.cells)], nil
}

func (s *instant) Swap(context.Context, string, lease.Version, []byte) (lease.Version, error) {
	s.n++
	return s.versions[s.n%2], nil
}

// request has values as package leader makes them by default: a host's name, a process ID and a suffix.
var request = lease.Request{Name: "orders-projection", Holder: "ip-10-0-12-34.ec2.internal-4711-1a2b", Length: 15 * time.Second}

// Calls are the names of the calls of a manager, the most frequent first.
var Calls = []string{"renew", "poll", "acquire"}

// Call returns a function that makes the call once: "renew", "poll" (Acquire of a lease that is held) or "acquire" (of a free
// lease).
func Call(name string) (func() error, error) {
	ctx := context.Background()
	held, free, err := records(ctx)
	if err != nil {
		return nil, err
	}
	versions := [2]lease.Version{"1", "2"}
	switch name {
	case "renew":
		m := lease.NewManager(&instant{cells: held, versions: versions})
		l := lease.Lease{
			Name: request.Name, Holder: request.Holder, ID: "0123456789abcdef0123456789abcdef", Token: 1,
			Length: request.Length, Acquired: time.Now().UTC(), Version: "1",
		}
		return func() (err error) {
			l, err = m.Renew(ctx, l)
			return err
		}, nil
	case "poll":
		m := lease.NewManager(&instant{cells: held, versions: versions})
		return func() error {
			if _, err := m.Acquire(ctx, request); !errors.Is(err, lease.ErrHeld) {
				return fmt.Errorf("a poll of a held lease: %w", err)
			}
			return nil
		}, nil
	case "acquire":
		m := lease.NewManager(&instant{cells: free, versions: versions})
		return func() error {
			_, err := m.Acquire(ctx, request)
			return err
		}, nil
	}
	return nil, fmt.Errorf("there is no call %q", name)
}

// records returns cells as the protocol writes them: two of a held lease, and one of a released lease.
func records(ctx context.Context) (held, free []lease.Snapshot, err error) {
	store := memory.NewStore()
	m := lease.NewManager(store)
	look := func(err error) (lease.Snapshot, error) {
		s, failed := store.Load(ctx, request.Name)
		return s, errors.Join(err, failed)
	}
	l, err := m.Acquire(ctx, request)
	first, err := look(err)
	if err == nil {
		l, err = m.Renew(ctx, l)
	}
	second, err := look(err)
	if err == nil {
		err = m.Release(ctx, l)
	}
	third, err := look(err)
	return []lease.Snapshot{first, second}, []lease.Snapshot{third}, err
}

// A Cost is the cost of one call.
type Cost struct {
	Call        string `json:"call"`
	Nanoseconds int64  `json:"ns"`
	Allocations int64  `json:"allocations"`
	Bytes       int64  `json:"bytes"`
}

// Measure measures each of Calls for a second.
func Measure() (costs []Cost, err error) {
	for _, name := range Calls {
		call, err := Call(name)
		if err != nil {
			return nil, err
		}
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := call(); e != nil && err == nil {
					err = e
				}
			}
		})
		if err != nil {
			return nil, err
		}
		costs = append(costs, Cost{name, r.NsPerOp(), r.AllocsPerOp(), r.AllocedBytesPerOp()})
	}
	return costs, nil
}
