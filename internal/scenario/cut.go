package scenario

import (
	"context"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// Cut is for a manager without a connection. It returns one whose connection can be cut: after cut, its calls hang until their
// context ends. So do calls whose answer is still under way.
func Cut(m lease.Manager) (cuttable lease.Manager, cut func()) {
	c := &connection{Manager: m, dead: make(chan struct{})}
	return c, sync.OnceFunc(func() { close(c.dead) })
}

type connection struct {
	lease.Manager
	dead chan struct{}
}

func (c *connection) Unwrap() lease.Manager { return c.Manager }

func (c *connection) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	return over(ctx, c, func() (lease.Lease, error) { return c.Manager.Acquire(ctx, req) })
}

func (c *connection) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	return over(ctx, c, func() (lease.Lease, error) { return c.Manager.Renew(ctx, held) })
}

func (c *connection) Release(ctx context.Context, held lease.Lease) error {
	_, err := over(ctx, c, func() (lease.Lease, error) { return lease.Lease{}, c.Manager.Release(ctx, held) })
	return err
}

func over(ctx context.Context, c *connection, call func() (lease.Lease, error)) (lease.Lease, error) {
	select {
	case <-c.dead:
	default:
		held, err := call()
		select {
		case <-c.dead:
		default:
			return held, err
		}
	}
	<-ctx.Done()
	return lease.Lease{}, context.Cause(ctx)
}
