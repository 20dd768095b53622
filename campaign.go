package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// campaign asks for the lease until it gets it. The error says why the run is over.
func (r *run) campaign() (*term, error) {
	for {
		wait := host.Jitter(r.host, r.acquireEvery)
		err := r.healthy()
		if err == nil {
			var t *term
			first := !r.tried
			t, err = r.acquire()
			r.tried = true
			refused := errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrInvalid)
			if err == nil || refused && first {
				return t, err
			}
		} else if errors.Is(err, ErrUnhealthy) {
			r.remark(slog.LevelWarn, "not campaigning", slog.Any("err", err))
		}
		switch {
		case r.ctx.Err() != nil:
			return nil, errEnded
		case r.once:
			return nil, err
		}
		if by, ok := errors.AsType[*lease.HeldError](err); ok {
			r.found(by.Info)
			wait = r.looks.wait(wait, r.acquireEvery, by.Info.LookAfter, by.Info.RetryAfter)
		}
		if !r.pause(wait) {
			return nil, errEnded
		}
	}
}

// errEnded says that the run's context ended while it campaigned.
var errEnded = errors.New("ended")

// acquire is one try.
func (r *run) acquire() (*term, error) {
	q := r.ask(r.ctx, OpAcquire, r.timeout(), r.timeout()+undoing, func(ctx context.Context) (lease.Lease, error) {
		return r.manager.Acquire(ctx, r.request())
	})
	a := r.await(q)
	if a.err == errOverdue {
		r.requests.Go(func() { // it may yet succeed, and then it is nobody's (R6)
			if late := <-q.answers; late.err == nil {
				ctx, cancel := host.WithTimeout(context.WithoutCancel(r.ctx), r.timeout())
				defer cancel()
				_ = r.manager.Release(ctx, late.held)
			}
		})
	}
	if a.err != nil {
		return nil, a.err
	}
	return r.newTerm(a.held, q.sent), nil
}

// healthy asks the health check. One that hangs is unhealthy, and is not asked again before it has returned.
func (r *run) healthy() error {
	r.probe()
	if r.probing == nil {
		return nil
	}
	alarm := host.NewAlarm(r.host)
	alarm.Set(r.probing.overdue - r.mono())
	defer alarm.Stop()
	select {
	case a := <-r.probing.answers:
		return r.probed(a)
	case <-alarm.C:
		return unhealthy(errOverdue)
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// probe begins to ask the health check, if there is one that is not being asked already.
func (r *run) probe() {
	if r.health == nil || r.probing != nil {
		return
	}
	r.probing = r.begin(context.WithoutCancel(r.ctx), "", r.timeout(), r.renewEvery, func(ctx context.Context) (lease.Lease, error) {
		return lease.Lease{}, r.health(ctx)
	})
}

// probed takes the health check's answer.
func (r *run) probed(a *answer) error {
	r.probing = nil
	if a.err != nil {
		return unhealthy(a.err)
	}
	return nil
}

func unhealthy(err error) error { return fmt.Errorf("%w: %w", ErrUnhealthy, err) }
