package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A planReader is the lease manager by which the coordinator's office is campaigned for. It shows the node each plan that the store
// shows or acknowledges, so the one read that a standby sends in an interval is also how it learns of plans (F2, F7).
type planReader struct {
	lease.Manager
	show func(text string, sent time.Duration) // with the time at which the request was sent
	now  func() time.Duration
	// barred returns why this node must not coordinate; nil if it may.
	barred func() error
}

// Unwrap makes the manager's optional interfaces found.
func (r *planReader) Unwrap() lease.Manager { return r.Manager }

// Acquire asks for the office. A node that must not have it looks only.
func (r *planReader) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	if why := r.barred(); why != nil {
		info, err := r.Inspect(ctx, req.Name)
		switch {
		case err != nil:
			return lease.Lease{}, err
		case info.State == lease.Held:
			return lease.Lease{}, &lease.HeldError{Info: info}
		}
		// Not wrapped: a health check's error may be of another lease or store, and would be taken for an answer of this one.
		return lease.Lease{}, fmt.Errorf("fleet: this node does not ask for the coordinator's office: %v", why)
	}
	sent := r.now()
	l, err := r.Manager.Acquire(ctx, req)
	if err == nil {
		r.show(l.Value, sent)
	} else if held, ok := errors.AsType[*lease.HeldError](err); ok {
		r.show(held.Info.Value, sent)
	}
	return l, err
}

// Renew keeps the office. Its answer acknowledges the plan.
func (r *planReader) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	sent := r.now()
	l, err := r.Manager.Renew(ctx, held)
	if err == nil {
		r.show(l.Value, sent)
	}
	return l, err
}

// Inspect looks at the office.
func (r *planReader) Inspect(ctx context.Context, name string) (lease.Info, error) {
	sent := r.now()
	info, err := lease.Inspect(ctx, r.Manager, name)
	if err == nil {
		r.show(info.Value, sent)
	}
	return info, err
}

// A seatTaker is the lease manager by which a node takes and keeps one seat.
type seatTaker struct {
	lease.Manager
	seat *seat
}

// Unwrap makes the manager's optional interfaces found.
func (s *seatTaker) Unwrap() lease.Manager { return s.Manager }

// Acquire asks for the seat. One that seems to be held is not waited for, also where the store cannot tell whether its holder lives:
// the node tries another seat (F9).
func (s *seatTaker) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	req.Heeds = nil // a seat is handed over to nobody: its node is drained
	l, err := s.Manager.Acquire(ctx, req)
	if held, ok := errors.AsType[*lease.HeldError](err); ok {
		seen := held.Info
		seen.Timed = true
		return l, &lease.HeldError{Info: seen, Err: held.Err}
	}
	return l, err
}

// Renew keeps the seat, unless the node has heard of no plan for too long (F8).
func (s *seatTaker) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if s.seat.deaf.Load() {
		return lease.Lease{}, errDeaf
	}
	return s.Manager.Renew(ctx, held)
}

// Release gives the seat back, unless works that were given up still run: then it runs out.
func (s *seatTaker) Release(ctx context.Context, held lease.Lease) error {
	if s.seat.givenUp {
		return nil
	}
	return s.Manager.Release(ctx, held)
}

// errDeaf says that the node ends its session by itself.
var errDeaf = errors.New("fleet: this node has read no plan for a lease length: it renews its seat no more")
