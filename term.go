package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// term is this node leading: from the acquisition to the release. One goroutine, that of Run, has it.
type term struct {
	*run
	held   lease.Lease
	term   lease.Term
	keeper *lease.Keeper

	began   time.Duration
	workCtx context.Context // its cause, once it is cancelled, is why the work is to return

	asked    time.Duration // when the lease was asked for, by the monotonic clock
	renewal  *request      // in flight; nil if none is
	renewAt  time.Duration
	failures int   // renewals in a row
	failure  error // of the latest

	gone      bool  // the record is surely not ours any more
	stopped   error // why the work is to return; nil while it is not
	stoppedAt time.Duration
	overrunAt time.Duration // when it is told next that the work has not returned
	told      bool          // that this node leads
}

// outcome is what a term means for the run.
type outcome struct {
	final    bool  // the run is over, with err
	err      error // if not, why the term is over
	panicked bool
	value    any
}

// newTerm is the term of a lease that was acquired; sent is the time just before it was asked for (R2).
func (r *run) newTerm(held lease.Lease, sent lease.Instant) *term {
	ctx, keeper := lease.StartTerm(r.ctx, held, sent)
	t := &term{run: r, held: held, keeper: keeper, workCtx: ctx, began: r.mono()}
	t.term, _ = lease.TermFrom(ctx)
	t.asked = t.began - sent.Elapsed()
	t.renewAt = t.nextRenewal(t.asked)
	return t
}

// lead does the work until it returns, and gives the lease back.
func (t *term) lead() outcome {
	if lost := t.term.Check(); lost != nil || t.ctx.Err() != nil { // R8: too late to begin
		t.keeper.End(nil)
		t.release()
		if t.ctx.Err() != nil {
			return outcome{final: true, err: t.ended(nil)}
		}
		return outcome{final: t.once, err: lost}
	}
	t.leader.setTerm(t)
	defer t.leader.setTerm(nil)
	t.announce()
	return t.finish(t.watch(t.startWork(t.workCtx, t.term)))
}

// announce tells that this node leads.
func (t *term) announce() {
	t.found(info(t.held, lease.Held))
	t.leader.board.change(func(s *Status) { s.Term = t.term })
	t.enter(Leading, t.held.Token, nil)
	t.tellLeading(true)
}

// info is the lease as its holder knows it.
func info(l lease.Lease, state lease.State) lease.Info {
	return lease.Info{
		Name: l.Name, State: state, Holder: l.Holder, ID: l.ID, Token: l.Token, Length: l.Length,
		Attributes: l.Attributes, Version: l.Version, Acquired: l.Acquired,
	}
}

// watch renews the lease until the work has returned. The result is nil if the work was given up.
func (t *term) watch(work <-chan *result) *result {
	alarm := host.NewAlarm(t.host)
	defer alarm.Stop()
	for {
		now := t.mono()
		if t.stopped != nil && t.stopTimeout > 0 && now-t.stoppedAt >= t.stopTimeout {
			return nil
		}
		t.act(now)
		alarm.Set(t.due(now) - now)
		select {
		case res := <-work:
			return res
		case a := <-t.renewal.arrives():
			t.renewed(t.answered(t.renewal, a))
		case a := <-t.probing.arrives():
			if err := t.probed(a); err != nil {
				t.stop(err)
			}
		case <-t.ends():
			t.stop(context.Cause(t.workCtx))
		case <-alarm.C:
		}
	}
}

// arrives is where the answer does; never, if nothing was asked.
func (q *request) arrives() <-chan *answer {
	if q == nil {
		return nil
	}
	return q.answers
}

// ends is what is closed when the work is to return: the term is over, this node is to step down, or ctx has ended. While
// the work returns, it is what is closed when the term is over.
func (t *term) ends() <-chan struct{} {
	switch {
	case t.stopped == nil:
		return t.workCtx.Done()
	case t.told:
		return t.term.Done()
	}
	return nil
}

// act does what is due.
func (t *term) act(now time.Duration) {
	if q := t.renewal; q != nil {
		q.sent = q.sent.Sample()
		if now >= q.overdue { // R4: the next one begins, whatever has become of this one
			t.renewed(t.answered(q, &answer{err: errOverdue}))
		}
	}
	if lost := t.term.Check(); lost != nil {
		t.tellLeading(false)
		t.stop(lost)
	} else if t.renewal == nil && now >= t.renewAt {
		t.renew()
		t.probe()
	}
	if t.probing != nil && now >= t.probing.overdue {
		t.stop(unhealthy(errOverdue))
	}
	if t.stopMargin > 0 && t.term.Remaining() <= t.stopMargin {
		t.stop(&lease.LostError{Name: t.lease, Token: t.held.Token, Reason: lease.LostExpired, Err: t.failure})
	}
	if t.stopped != nil && now >= t.overrunAt {
		t.emit(OverrunEvent{Origin: t.origin(), Token: t.held.Token, After: now - t.stoppedAt})
		t.overrunAt += t.length
	}
}

// renew asks for a renewal.
func (t *term) renew() {
	held := t.held
	t.renewal = t.ask(context.WithoutCancel(t.ctx), OpRenew, t.renewTimeout(t.term.Remaining()), t.renewEvery, func(ctx context.Context) (lease.Lease, error) {
		return t.manager.Renew(ctx, held)
	})
}

// nextRenewal is when the renewal after one that began at the time is to begin: a whole number of intervals after the lease was
// asked for, so that standbys can tell when that is, also of a store that does not show renewals. It is never later than an
// interval. If it would be sooner than half of one, as after a renewal that took several attempts, there is one in between.
func (t *term) nextRenewal(began time.Duration) time.Duration {
	wait := t.renewEvery - (began-t.asked)%t.renewEvery
	if wait < t.renewEvery/2 {
		wait = (wait + t.renewEvery) / 2
	}
	return began + max(wait, t.limits.WriteEvery)
}

// due is when there is something to do next.
func (t *term) due(now time.Duration) time.Duration {
	due := time.Duration(math.MaxInt64)
	alive := t.term.Check() == nil
	switch {
	case t.renewal != nil:
		due = min(now+sampleEvery, t.renewal.overdue)
	case alive:
		due = t.renewAt
	}
	if t.stopped != nil {
		due = min(due, t.overrunAt)
		if t.stopTimeout > 0 {
			due = min(due, t.stoppedAt+t.stopTimeout)
		}
		return due
	}
	if t.probing != nil {
		due = min(due, t.probing.overdue)
	}
	if t.stopMargin > 0 && alive {
		due = min(due, now+sampleEvery, now+t.term.Remaining()-t.stopMargin)
	}
	return due
}

// renewed takes the answer to a renewal.
func (t *term) renewed(a *answer) {
	q := t.renewal
	t.renewal = nil
	switch {
	case a.err == nil:
		t.held, t.failures, t.failure = a.held, 0, nil
		t.keeper.Extend(a.held, q.sent)
		t.renewAt = t.nextRenewal(q.began)
	case errors.Is(a.err, lease.ErrLost):
		t.gone = true
		if lost, ok := errors.AsType[*lease.LostError](a.err); ok && lost.Now.Name != "" {
			t.found(lost.Now)
		}
		t.keeper.End(a.err)
	default: // R4: the lease is not lost before its deadline
		t.failures, t.failure = t.failures+1, a.err
		t.keeper.Failed(a.err)
		// Sooner, the less is left of the term, so that a store that comes back in time is not met too late.
		t.renewAt = q.began + min(t.backoff(t.failures), max(t.term.Remaining()/4, t.renewEvery/16, t.limits.WriteEvery))
	}
}

// stop cancels the work, the first time.
func (t *term) stop(cause error) {
	if t.stopped != nil {
		return
	}
	t.stopped, t.stoppedAt = cause, t.mono()
	t.overrunAt = t.stoppedAt + t.length
	t.keeper.Cancel(cause)
	t.enter(Stopping, t.held.Token, cause)
}

func (t *term) tellLeading(isLeader bool) {
	if t.told != isLeader {
		t.told = isLeader
		t.tell(isLeader)
	}
}

// finish ends the term, gives the lease back and says what comes next.
func (t *term) finish(res *result) outcome {
	if res == nil { // the work still runs: the lease stays its own until it runs out, whatever that work does
		t.tellLeading(false)
		return outcome{final: true, err: fmt.Errorf("%w: it has not returned %v after its context was cancelled (%w); the lease is left to run out",
			ErrStopTimeout, t.stopTimeout, t.stopped)}
	}
	t.keeper.End(nil) // R8: before the release
	t.tellLeading(false)
	t.enter(Stopping, t.held.Token, res.stopped)
	keep := t.once && !res.panicked && res.lost == nil && res.stopped == nil && t.mono()-t.began < t.holdAtLeast
	if !keep {
		t.release()
	}
	return t.judge(res)
}

// judge says what the work's return means.
func (t *term) judge(res *result) outcome {
	lost := res.lost
	if errors.Is(res.stopped, lease.ErrLost) {
		lost = res.stopped // also if WithStopMargin came before
	}
	failed := res.err
	if excused(res.err, t.workCtx.Err(), res.stopped, lost) {
		failed = nil
	}
	switch {
	case res.panicked:
		return outcome{panicked: true, value: res.value}
	case res.ended && t.once:
		return outcome{final: true, err: t.ended(joined(lost, failed))}
	case res.ended:
		return outcome{final: true, err: t.ended(failed)}
	case lost != nil && t.once:
		return outcome{final: true, err: joined(lost, failed)}
	case lost != nil:
		if failed != nil {
			t.remark(slog.LevelWarn, "the work failed after the lease was lost", slog.Uint64("token", t.held.Token), slog.Any("err", failed))
		}
		return outcome{err: lost}
	case res.stopped != nil && t.once:
		return outcome{final: true, err: joined(res.stopped, failed)}
	case res.stopped != nil && failed == nil:
		return outcome{err: res.stopped}
	case res.stopped != nil:
		return outcome{final: true, err: failed}
	case errors.Is(res.err, ErrStepDown):
		return outcome{final: t.once, err: res.err}
	}
	return outcome{final: true, err: res.err}
}

// release gives the lease back, unless its record is surely not ours any more. It tries for a renew interval; what it
// cannot give back runs out.
func (t *term) release() {
	if t.renewal != nil {
		t.renewed(t.await(t.renewal)) // one write after the other: the release then meets no conflict
	}
	if t.gone {
		return
	}
	until := t.mono() + t.renewEvery
	for n := 1; ; n++ {
		left := until - t.mono()
		q := t.ask(context.WithoutCancel(t.ctx), OpRelease, left/2, left, func(ctx context.Context) (lease.Lease, error) {
			return lease.Lease{}, t.manager.Release(ctx, t.held)
		})
		a := t.await(q)
		if a.err == nil {
			t.found(info(t.held, lease.Free))
			return
		}
		if errors.Is(a.err, lease.ErrLost) {
			return
		}
		wait := t.backoff(n)
		if t.mono()+wait >= until {
			return
		}
		alarm := host.NewAlarm(t.host)
		alarm.Set(wait)
		<-alarm.C
	}
}
