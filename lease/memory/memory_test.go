package memory_test

import (
	"testing"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
	"github.com/cloudlease/leader/lease/memory"
)

func TestStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStore(t, func(testing.TB) lease.Store { return memory.NewStore() })
}

// One Manager is all that knows of its leases, so "another process" is the same one.
func TestManager(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Virtual: true,
		Open: func(testing.TB) leasetest.Place {
			m := memory.New()
			return leasetest.Place{Manager: func() lease.Manager { return m }}
		},
	})
}

// The protocol over the store is what other processes would use if they could.
func TestManagersOfOneStore(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Virtual: true,
		Open: func(testing.TB) leasetest.Place {
			store := memory.NewStore()
			return leasetest.Place{Manager: func() lease.Manager { return lease.NewManager(store) }, Store: store}
		},
	})
}
