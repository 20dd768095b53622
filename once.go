package leader

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// outwatch is for a RunOnce that finds the lease held on a store that cannot tell how old the record is: the holder may have
// crashed long ago. It watches the record. If the record changes, a node leads, or did until just now: that is a HeldError. A wish
// is no such change. If the holder's latest write has stood for the lease's length, outwatch takes the lease. Without Inspect it cannot
// watch, and the lease counts as held.
//
// It goes by the tokens, which tell whether another node has led since the last look: it rather leaves a job out than runs it twice.
func (r *run) outwatch(seen lease.Info) (*term, error) {
	if !r.canInspect() {
		return nil, &lease.HeldError{Info: seen}
	}
	began := r.mono()                                                // the holder's latest write, as seen shows it, came before
	until := began + 2*min(max(r.opts.length, seen.Length), forever) // the limit for a store that does not answer
	for failed := 0; ; {
		wait := r.untilLook(seen, failed)
		if !r.pause(wait) {
			return nil, errEnded
		}
		asked := r.mono()
		now, err := r.inspect()
		switch {
		case r.ctx.Err() != nil:
			return nil, errEnded
		case errors.Is(err, errors.ErrUnsupported):
			return nil, &lease.HeldError{Info: seen}
		case errors.Is(err, lease.ErrMisconfigured), errors.Is(err, lease.ErrRecord):
			return nil, err
		case err != nil && r.mono() >= until:
			return nil, err
		case err != nil:
			failed++
			continue // the record is no younger for that
		case now.ID != seen.ID || now.State == lease.Free,
			now.Version != seen.Version && now.Age < asked-began: // else somebody has written a wish, and the holder nothing
			return nil, &lease.HeldError{Info: now}
		case now.State == lease.Held:
			failed = 0
			if seen.RetryAfter > 0 && wait >= seen.RetryAfter {
				failed = 1 // it should be free by now: a manager that says so for ever is not asked all the time
			}
			seen = now
			continue
		}
		return r.takeOver(seen)
	}
}

// takeOver takes a lease that has stood for its length, if it still stands and this node is still healthy.
func (r *run) takeOver(seen lease.Info) (*term, error) {
	switch err := r.healthy(); {
	case r.ctx.Err() != nil:
		return nil, errEnded
	case err != nil:
		return nil, err
	}
	t, err := r.acquire()
	switch {
	case r.ctx.Err() != nil && err != nil:
		return nil, errEnded
	case err == nil && t.holding.held.Token != seen.Token+1: // another node's whole term came and went
		t.holding.keeper.End(nil)
		_ = t.giveBack(byItself)
		return nil, &lease.HeldError{Info: lease.Info{Name: seen.Name}, Err: fmt.Errorf(
			"token %d is not the next after token %d of %q: another node has led meanwhile, or the lease manager leaves tokens out",
			t.holding.held.Token, seen.Token, seen.Holder)}
	case err == nil || errors.Is(err, lease.ErrHeld):
		return t, err
	}
	return nil, fmt.Errorf("take over a lease that was left behind: %w", err)
}

// untilLook returns how long to wait before the next look at a lease: an acquire interval, or until it may be free. If looks have failed
// since that was seen, there are growing pauses: a store that refuses at once is not asked all the time.
func (r *run) untilLook(seen lease.Info, failed int) time.Duration {
	usual := host.Jitter(r.host, r.opts.acquireEvery)
	wait := usual
	if seen.RetryAfter > 0 {
		wait = min(wait, seen.RetryAfter)
	}
	if failed > 0 {
		wait = max(wait, min(usual, r.backoff(failed)))
	}
	return wait
}

// hold keeps the lease of a job that ended sooner than WithHoldAtLeast says. It reports whether the lease is left to run
// out: because the store tells how old a record is, so that nobody takes it sooner; or because ctx has ended. On other
// stores it renews the lease until the time has passed, and the caller releases it.
func (t *term) hold() bool {
	r, left := t.run, false
	if r.canInspect() {
		seen, err := r.inspect()
		left = err == nil && seen.Timed
	}
	if !left && r.ctx.Err() == nil {
		r.endBy = 0 // the end begins anew when the time has passed
	}
	left = left || t.keepUntil(t.began+t.opts.holdAtLeast, r.ctx.Done(), nil) || t.holding.term.Check() != nil
	r.left()
	t.flush() // what was registered meanwhile
	return left && !t.out.panicked
}
