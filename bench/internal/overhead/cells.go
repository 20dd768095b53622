package overhead

import (
	"context"

	"github.com/cloudlease/leader/lease"
)

// cells does by hand with an SDK what a store does: it reads a cell, and writes it if it has not changed since. Each is one
// request.
type cells interface {
	read(ctx context.Context, key string) (version string, err error)
	write(ctx context.Context, key, old string) (version string, err error) // old "": create
}

// bareBy returns the requests of the library's steps, without the library.
func bareBy(ctx context.Context, c cells) (steps, error) {
	kept, err := c.write(ctx, bareRenewed, "")
	if err != nil {
		return steps{}, err
	}
	taken, err := c.write(ctx, bareAcquired, "")
	if err != nil {
		return steps{}, err
	}
	if _, err := c.write(ctx, bareHeld, ""); err != nil {
		return steps{}, err
	}
	return steps{
		renew: step{do: func(ctx context.Context) (err error) {
			kept, err = c.write(ctx, bareRenewed, kept)
			return err
		}},
		poll: step{do: func(ctx context.Context) error {
			_, err := c.read(ctx, bareHeld)
			return err
		}},
		acquire: step{
			do: func(ctx context.Context) (err error) {
				if taken, err = c.read(ctx, bareAcquired); err == nil {
					taken, err = c.write(ctx, bareAcquired, taken)
				}
				return err
			},
			after: func(ctx context.Context) error { // like the library's release
				_, err := c.write(ctx, bareAcquired, taken)
				return err
			},
		},
	}, nil
}

// payload returns the cell of a lease as the library has written it, so that the bare calls write as much.
func payload(ctx context.Context, s lease.Store) ([]byte, error) {
	snapshot, err := s.Load(ctx, renewed)
	return snapshot.Data, err
}
