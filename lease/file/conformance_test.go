package file

import (
	"context"
	"os"
	"testing"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		dir := t.TempDir()
		return func() lease.Store { return NewStore(dir) }
	})
}

// TestStoreWithLockedReads tests the store as it works on Windows.
func TestStoreWithLockedReads(t *testing.T) {
	t.Parallel()
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		dir := t.TempDir()
		return func() lease.Store { return NewStore(dir, func(s *Store) { s.lockReads = true }) }
	})
}

func TestManager(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Age: tellsAge,
		Open: func(t testing.TB) leasetest.Place {
			s := NewStore(t.TempDir())
			return leasetest.Place{
				Manager: func() lease.Manager { return New(s.dir) },
				Store:   s,
				Slow: func(answered func() error) lease.Manager {
					return lease.NewManager(leasetest.Late(NewStore(s.dir), answered))
				},
				Delete: func(ctx context.Context, name string) error {
					p, err := s.place(ctx, name)
					if err != nil {
						return err
					}
					return os.Remove(p.cell())
				},
			}
		},
	})
}
