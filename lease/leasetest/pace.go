package leasetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A pace keeps the writes to a lease apart by Limits.WriteEvery, as the service may refuse one that comes sooner. The managers of a
// scene share it.
type pace struct {
	every time.Duration

	mu   sync.Mutex
	next map[string]time.Time // when the lease may be written again
}

// write calls f once the lease may be written. f writes it, unless its error shows that it has not.
func (p *pace) write(name string, f func() error) error {
	p.mu.Lock()
	next := p.next[name]
	p.mu.Unlock()
	time.Sleep(time.Until(next))
	err := f()
	if !errors.Is(err, lease.ErrHeld) && !errors.Is(err, lease.ErrInvalid) {
		p.mu.Lock()
		p.next[name] = time.Now().Add(p.every)
		p.mu.Unlock()
	}
	return err
}

// paced is a manager that keeps to the pace.
type paced struct {
	lease.Manager
	pace *pace
}

func (p paced) Unwrap() lease.Manager { return p.Manager }

// unpaced returns the manager itself, for a race.
func unpaced(m lease.Manager) lease.Manager { return m.(paced).Manager }

func (p paced) Acquire(ctx context.Context, req lease.Request) (l lease.Lease, err error) {
	err = p.pace.write(req.Name, func() (err error) { l, err = p.Manager.Acquire(ctx, req); return err })
	return l, err
}

func (p paced) Renew(ctx context.Context, held lease.Lease) (l lease.Lease, err error) {
	err = p.pace.write(held.Name, func() (err error) { l, err = p.Manager.Renew(ctx, held); return err })
	return l, err
}

func (p paced) Release(ctx context.Context, held lease.Lease) error {
	return p.pace.write(held.Name, func() error { return p.Manager.Release(ctx, held) })
}

func (p paced) Break(ctx context.Context, seen lease.Info) error {
	return p.pace.write(seen.Name, func() error { return lease.Break(ctx, p.Manager, seen) })
}

func (p paced) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	return p.pace.write(seen.Name, func() error { return lease.Ask(ctx, p.Manager, seen, w) })
}

func (p paced) Withdraw(ctx context.Context, seen lease.Info) error {
	return p.pace.write(seen.Name, func() error { return lease.Withdraw(ctx, p.Manager, seen) })
}

// writeEvery returns how far apart the writes to a cell have to be.
func writeEvery(s lease.Store) time.Duration {
	if l, ok := s.(lease.Limiter); ok {
		return l.Limits().WriteEvery
	}
	return 0
}

// pause waits until a cell of this version may be written. The first write of a cell need not wait.
func pause(s lease.Store, old lease.Version) {
	if old != "" {
		time.Sleep(writeEvery(s))
	}
}
