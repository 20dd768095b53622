package overhead

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader/lease"
)

const (
	length = time.Minute                            // of the leases: the longest that Azure has
	holder = "ip-10-0-12-34.ec2.internal-4711-1a2b" // as package leader makes it by default
)

// The leases have names as long as the cells of the bare calls.
const (
	renewed  = "lease-renewed"
	acquired = "lease-acquire"
	held     = "lease-is-held"

	bareRenewed  = "plain-renewed"
	bareAcquired = "plain-acquire"
	bareHeld     = "plain-is-held"
)

// oursBy returns the library's steps. The other manager is that of the process that holds the lease to be polled.
func oursBy(ctx context.Context, m, other lease.Manager) (steps, error) {
	request := func(name string) lease.Request { return lease.Request{Name: name, Holder: holder, Length: length} }
	kept, err := m.Acquire(ctx, request(renewed))
	if err != nil {
		return steps{}, err
	}
	theirs, err := other.Acquire(ctx, request(held))
	if err != nil {
		return steps{}, err
	}
	if err := fillHistory(ctx, m, request(acquired)); err != nil {
		return steps{}, err
	}
	until := time.Now().Add(length / 2) // then theirs has to be renewed
	var taken lease.Lease
	return steps{
		renew: step{do: func(ctx context.Context) (err error) {
			kept, err = m.Renew(ctx, kept)
			return err
		}},
		poll: step{
			before: func(ctx context.Context) (err error) {
				if time.Now().After(until) {
					theirs, err = other.Renew(ctx, theirs)
					until = time.Now().Add(length / 2)
				}
				return err
			},
			do: func(ctx context.Context) error {
				switch _, err := m.Acquire(ctx, request(held)); {
				case errors.Is(err, lease.ErrHeld):
					return nil
				case err != nil:
					return err
				}
				return errors.New("a lease that is held was acquired")
			},
		},
		acquire: step{
			do: func(ctx context.Context) (err error) {
				taken, err = m.Acquire(ctx, request(acquired))
				return err
			},
			after: func(ctx context.Context) error { return m.Release(ctx, taken) },
		},
	}, nil
}

// fillHistory takes the lease and gives it back until its record has no room for more past terms.
func fillHistory(ctx context.Context, m lease.Manager, req lease.Request) error {
	const terms = 20
	for range terms {
		l, err := m.Acquire(ctx, req)
		if err != nil {
			return err
		}
		if err := m.Release(ctx, l); err != nil {
			return err
		}
	}
	return nil
}
