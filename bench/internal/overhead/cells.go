package overhead

import (
	"context"

	"github.com/cloudlease/leader/lease"
)

// cells does by hand with an SDK what a store does: it reads a cell, and writes it if it has not changed since. Each is one
// request.
type cells interface {
	read(ctx context.Context, key string) (version string, err error)
	write(ctx context.Context, key, old string, data []byte) (version string, err error) // old "": create
}

// bareBy returns the requests of the library's steps, without the library. They read and write as much as the library does: what it has
// written into the store.
func bareBy(ctx context.Context, c cells, s lease.Store) (steps, error) {
	one, err := s.Load(ctx, renewed)
	if err != nil {
		return steps{}, err
	}
	old, err := s.Load(ctx, acquired)
	if err != nil {
		return steps{}, err
	}
	kept, err := c.write(ctx, bareRenewed, "", one.Data)
	if err != nil {
		return steps{}, err
	}
	taken, err := c.write(ctx, bareAcquired, "", old.Data)
	if err != nil {
		return steps{}, err
	}
	if _, err := c.write(ctx, bareHeld, "", one.Data); err != nil {
		return steps{}, err
	}
	return steps{
		renew: step{do: func(ctx context.Context) (err error) {
			kept, err = c.write(ctx, bareRenewed, kept, one.Data)
			return err
		}},
		poll: step{do: func(ctx context.Context) error {
			_, err := c.read(ctx, bareHeld)
			return err
		}},
		acquire: step{
			do: func(ctx context.Context) (err error) {
				if taken, err = c.read(ctx, bareAcquired); err == nil {
					taken, err = c.write(ctx, bareAcquired, taken, old.Data)
				}
				return err
			},
			after: func(ctx context.Context) error { // like the library's release
				_, err := c.write(ctx, bareAcquired, taken, old.Data)
				return err
			},
		},
	}, nil
}
