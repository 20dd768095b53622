package leader

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// late reports whether more than d has passed since the instant, by R3's count: a machine's sleep and a step of its wall
// clock count. So a node does at once what became due while it slept. There is some room for clocks that merely differ.
func late(since lease.Instant, d time.Duration) bool {
	return since.Elapsed() >= d+max(d/16, time.Millisecond)
}

// schedule sets when the next renewal is due.
func (t *term) schedule(at time.Duration) {
	t.since, t.renewAt, t.renewIn = lease.NowIn(t.run.ctx), at, at-t.mono()
}

// renew asks for a renewal.
func (t *term) renew(now time.Duration) {
	held := t.held
	t.wrote = now
	t.renewal = t.ask(t.life, OpRenew, t.renewTimeout(t.term.Remaining()), t.renewEvery, func(ctx context.Context) answer {
		held, err := t.manager.Renew(ctx, held)
		return answer{held: held, err: err}
	})
}

// nextRenewal returns when the renewal after one that began then is to begin: a whole number of intervals after the lease was
// asked for. So standbys can tell when that is, also on a store that does not show renewals. It is at most an interval later.
// If it would be less than half of one, as after a renewal that took several attempts, another renewal comes in between.
func (t *term) nextRenewal(began time.Duration) time.Duration {
	wait := t.renewEvery - (began-t.asked)%t.renewEvery
	if wait < t.renewEvery/2 {
		wait = (wait + t.renewEvery) / 2
	}
	return began + max(wait, t.limits.WriteEvery)
}

// renewed takes the answer to a renewal.
func (t *term) renewed(a answer) {
	q := t.renewal
	t.renewal = nil
	switch {
	case a.err == nil:
		t.held, t.failures, t.failure = a.held, 0, nil
		t.keeper.Extend(a.held, q.sent)
		t.schedule(t.nextRenewal(q.began))
	case errors.Is(a.err, lease.ErrLost):
		t.gone = true
		if lost, ok := errors.AsType[*lease.LostError](a.err); ok && lost.Now.Name != "" {
			t.broken = lost.Now.Broken
			t.found(lost.Now)
		}
		t.keeper.End(a.err)
	default: // R4: the lease is not lost before its deadline
		t.failures, t.failure = t.failures+1, a.err
		t.keeper.Failed(a.err)
		// Sooner, the less is left of the term, so that a store that comes back in time is not met too late.
		t.schedule(q.began + min(t.backoff(t.failures), max(t.term.Remaining()/4, t.renewEvery/16, t.limits.WriteEvery)))
	}
}

// giveBack releases the lease, lets StepDown return, and returns how long this node is to sit out.
func (t *term) giveBack(why reason) rest {
	err := t.release()
	t.leader.leadsNoMore(err)
	return t.restAfter(why, err == nil)
}

// release gives the lease back, unless its record certainly shows another acquisition. It tries for a renew interval, or for
// most of the time that the end of Run may take. A lease that it cannot give back runs out; the error says why.
func (t *term) release() error {
	if t.renewal != nil {
		t.renewed(t.await(t.renewal, t.run.ctx.Done())) // one write after the other: the release then meets no conflict
	}
	if t.gone {
		return nil
	}
	until := t.mono() + t.renewEvery
	for n := 1; ; n++ {
		if t.endBy != 0 {
			until = min(until, t.endBy-t.endTimeout/4) // the rest is for the observers
		}
		left := until - t.mono()
		t.wrote = t.mono()
		q := t.ask(t.life, OpRelease, left/2, left, func(ctx context.Context) answer {
			return answer{err: t.manager.Release(ctx, t.held)}
		})
		a := t.await(q, t.run.ctx.Done())
		if a.err == nil {
			t.found(info(t.held, lease.Free))
			return nil
		}
		if errors.Is(a.err, lease.ErrLost) {
			return nil
		}
		wait := t.backoff(n)
		if t.mono()+wait >= until {
			t.found(info(t.held, lease.Expired)) // this node's term is over, and others wait for the lease to run out
			t.remark(slog.LevelWarn, "the lease was not given back: the others wait until it has run out",
				slog.Uint64("token", t.held.Token), lasting("length", t.length), slog.Any("err", a.err))
			return a.err
		}
		t.breathe(wait)
	}
}

// breathe waits between two attempts to release. If ctx ends meanwhile, the end of Run begins, and the next attempt follows at
// once.
func (t *term) breathe(d time.Duration) {
	var ends <-chan struct{}
	if t.endBy == 0 {
		ends = t.run.ctx.Done()
	}
	alarm := host.NewAlarm(t.host)
	alarm.Set(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
	case <-ends:
		t.left()
	}
}
