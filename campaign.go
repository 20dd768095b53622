package leader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// errEnded says that the run's context ended while it campaigned.
var errEnded = errors.New("ended")

// campaign asks for the lease until it is acquired, once this node has sat out. The error says why the run is over.
func (r *run) campaign() (*term, error) {
	wait, err := r.sitOut()
	if err != nil {
		return nil, r.impatient(err)
	}
	vigil := r.newVigil()
	defer vigil.end()
	for {
		usual := host.Jitter(r.host, r.opts.acquireEvery)
		err := r.waitAndProbe(wait, vigil)
		wait = usual
		vigil.looks() // also where a sick node looks without a try: a hint shortens one wait
		by, held := (*lease.HeldError)(nil), false
		if err == nil {
			var t *term
			first := !r.tried
			t, err = r.acquire()
			refused := errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrInvalid)
			if err == nil || refused && first {
				return t, err
			}
			by, held = errors.AsType[*lease.HeldError](err) // not of a health check, which may be of another lease
		}
		if errors.Is(err, ErrUnhealthy) && r.kind != oneTry && r.ctx.Err() == nil && r.canInspect() {
			_, _ = r.inspect() // who leads: it does not try
		}
		if r.ctx.Err() != nil {
			r.enter(Stopping, 0, context.Cause(r.ctx))
			return nil, errEnded
		}
		if held {
			r.found(by.Info)
			vigil.saw(by.Info)
		}
		switch {
		case r.kind == oneTry && held && !by.Info.Timed:
			return r.outwatch(by.Info)
		case r.kind == oneTry:
			return nil, err
		case r.patience() <= 0:
			return nil, r.impatient(err)
		case err == ErrPaused:
			wait = 0
		case held:
			wait = r.budget.wait(wait, r.opts.acquireEvery, by.Info)
		}
		wait = min(wait, r.patience())
	}
}

// impatient returns the error of a run that campaigns no longer, for the reason why it has not got the lease.
func (r *run) impatient(err error) error {
	return fmt.Errorf("leader: the lease %q was not acquired within %v: %w", r.opts.lease, r.opts.patience, err)
}

// patience returns for how long this run still campaigns.
func (r *run) patience() time.Duration {
	if r.giveUpAt == never {
		return never
	}
	return r.giveUpAt - r.mono()
}

// acquire tries once. The error is ErrPaused, after the pause, if this node was paused.
func (r *run) acquire() (*term, error) {
	if resumed := r.leader.startsAsking(); resumed != nil {
		if r.kind != oneTry {
			r.whilePaused(resumed)
		}
		return nil, ErrPaused
	}
	r.tried = true
	req := r.opts.request()
	if r.kind == oneTry {
		req.HoldAtLeast, req.Heeds = r.opts.holdAtLeast, nil // nobody goes on with a job that is asked to end
	} else {
		req.Yield = r.look() // a job has no second one
	}
	q := ask(r.ctx, r, r.timeout(), r.timeout()+lease.UndoTimeout(r.opts.length)+requestTime, func(ctx context.Context) (lease.Lease, error) {
		return r.opts.manager.Acquire(ctx, req)
	})
	a := await(r, OpAcquire, q)
	if a.err == errOverdue {
		r.requests.Go(func() { // it may yet succeed, and then nobody uses the lease (R6)
			if late := <-q.answers; late.err == nil {
				ctx, cancel := host.WithTimeout(context.WithoutCancel(r.ctx), r.timeout())
				defer cancel()
				_ = r.opts.manager.Release(ctx, late.value)
			}
		})
	}
	if a.err != nil {
		r.leader.leadsNoMore(nil)
		return nil, a.err
	}
	return r.newTerm(a.value, q.sent), nil
}
