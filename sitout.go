package leader

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A rest says how long a node that gave the lease up leaves it to the others (Run 7).
type rest struct {
	until time.Duration // by the monotonic clock; 0: it leaves nothing
	held  lease.Lease   // the lease that was given up
}

// restAfter returns how long this node sits out after its term: not at all if the caller ended that, or the work did. It counts from
// the answer to the release. If that was not acknowledged, or the lease was broken, it counts from the latest moment from which a
// standby may wait for the lease to run out.
func (t *term) restAfter(why reason, released bool) rest {
	look := t.run.look() + t.opts.acquireEvery/8 // the clocks of the others run slower by a tenth at most
	now := t.run.mono()
	switch {
	case why == byItself || why == ctxEnded:
		return rest{}
	case t.holding.gone && !t.holding.broken:
		return rest{} // another node has acquired it
	case t.holding.broken:
		return rest{now + t.opts.length + look, t.holding.held}
	case !released:
		return rest{max(t.holding.wrote+t.opts.length+look, now+look), t.holding.held}
	case t.holding.held.Next != "": // the others first leave the lease to that node (lease.Request.Yield)
		return rest{now + max(t.opts.length, 2*look), t.holding.held}
	case why == steppedDown || why == gaveUp:
		return rest{now + max(t.opts.length, look), t.holding.held}
	}
	return rest{now + look, t.holding.held}
}

// look returns how long it takes until a node that stands by has had a look at the lease, or a try for it.
func (r *run) look() time.Duration { return r.opts.acquireEvery + min(requestTime, r.timeout()) }

// errSitsOut is why a run did not ask for the lease before its patience was over.
var errSitsOut = errors.New("this node has given it up, and leaves it to the others for a while")

// rests returns for how long this node is still to sit out, perhaps after a term of an earlier run. RunOnce, which tries once, does not.
func (r *run) rests() time.Duration {
	if r.kind == oneTry {
		return 0
	}
	return r.leader.rest.until - r.mono()
}

// sitOut waits for the end of the rest, or until another node has acquired the lease: it looks at each acquire interval, as a
// standby does. It returns how long to wait before asking for the lease.
func (r *run) sitOut() (wait time.Duration, err error) {
	rest := &r.leader.rest
	for left := r.rests(); left > 0; left = r.rests() {
		left, sees := min(left, r.patience()), r.canInspect()
		if sees {
			left = min(left, host.Jitter(r.host, r.opts.acquireEvery))
		}
		if !r.pause(left) || r.rests() <= 0 {
			return 0, nil
		}
		if sees {
			info, err := r.inspect()
			if err == nil && info.Token > rest.held.Token && !info.NoTerm {
				rest.until = 0
				if info.State == lease.Held { // the look was a poll like any other
					wait = r.budget.wait(host.Jitter(r.host, r.opts.acquireEvery), r.opts.acquireEvery, info)
				}
				return min(wait, r.patience()), nil
			}
		}
		if r.patience() <= 0 {
			return 0, errSitsOut
		}
	}
	return 0, nil
}

// canInspect reports whether the manager can look at a lease without touching it, as far as this node knows.
func (r *run) canInspect() bool {
	if r.leader.blind {
		return false
	}
	_, ok := lease.Find[interface {
		Inspect(ctx context.Context, name string) (lease.Info, error)
	}](r.opts.manager)
	return ok
}

// inspect looks at the lease without touching it.
func (r *run) inspect() (lease.Info, error) {
	a := await(r, OpInspect, ask(r.ctx, r, r.timeout(), r.timeout(), func(ctx context.Context) (lease.Info, error) {
		return lease.Inspect(ctx, r.opts.manager, r.opts.lease)
	}))
	if a.err == nil {
		r.found(a.value)
	}
	return a.value, a.err
}
