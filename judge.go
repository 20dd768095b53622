package leader

import (
	"context"
	"fmt"
	"time"
)

// A reason says why a work was stopped. It is decided once, when the work's context is cancelled.
type reason int

const (
	none          reason = iota // it was not stopped
	byItself                    // it returned before anything stopped it
	ctxEnded                    // the run's context has ended: by its caller, or by the heartbeat
	gaveUp                      // it returned ErrStepDown before anything stopped it
	steppedDown                 // StepDown was called
	unhealthy                   // the node's health check failed
	marginReached               // WithStopMargin: the lease is about to run out
	lostLease                   // to its deadline, or to somebody else
)

// A stop says that a work is to return, and why.
type stop struct {
	why   reason
	cause error         // of the work's context
	at    time.Duration // by the monotonic clock
}

// stop tells the work to return, and returns the next phase. If the work's context was cancelled a moment before, by its parent or
// by the term's end, that is the reason.
func (t *term) stop(why reason, cause error) phase {
	t.holding.keeper.Cancel(cause)
	if first := context.Cause(t.workCtx); !same(first, cause) {
		why, cause = t.reasonOf(first), first
	}
	t.stopped = stop{why, cause, t.run.mono()}
	t.overrunAt = t.stopped.at + t.opts.length
	t.run.enter(Stopping, t.holding.held.Token, cause)
	if why == lostLease {
		return t.over
	}
	return t.stopping
}

// reasonOf returns the reason behind a cause that this term did not set itself: the term's end, or that of the run's
// context. The latter may have any cause, even the lost lease of a leader around this one.
func (t *term) reasonOf(cause error) reason {
	if same(cause, t.holding.term.Check()) {
		return lostLease
	}
	return ctxEnded
}

// whyReturned returns why the work has returned.
func (t *term) whyReturned(res *result) stop {
	now := t.run.mono()
	switch {
	case t.stopped.why != none && res.cause != nil:
		return t.stopped
	case res.cause != nil:
		return stop{t.reasonOf(res.cause), res.cause, now}
	case res.lost != nil: // the term was over, and this node had not noticed yet
		return stop{lostLease, res.lost, now}
	case res.gaveUp:
		return stop{gaveUp, res.err, now}
	}
	return stop{byItself, nil, now}
}

// An outcome says how the run goes on after a term.
type outcome struct {
	final    bool  // the run is over, with err
	err      error // if not, why the term is over
	panicked bool
	value    any
	rest     rest // how long the node sits out
}

// judge decides what the work's return means for the run:
//
//	why it returned        it failed       Run                         RunOnce
//	it panicked                            panics                      panics
//	ctx ended              no              nil                         ctx's cause
//	ctx ended              yes             its error                   both
//	by itself              yes or no       what it returned            what it returned
//	it gave up: ErrStepDown                campaigns again             its error
//	the stop margin        no              campaigns again             nil if it returned nil, else the LostError
//	the stop margin        yes             logs it, campaigns again    both
//	the lease is lost      no              campaigns again             the LostError
//	the lease is lost      yes             logs it, campaigns again    both
//	StepDown, ill health   no              campaigns again             the cause
//	StepDown, ill health   yes             its error                   both
//
// The lease is lost, whatever the work was stopped for before, if Check fails when it returns; ctx's end goes before that.
func (t *term) judge(res *result, stopped stop) outcome {
	why, cause, failed := stopped.why, stopped.cause, t.failed(res, stopped)
	if res.lost != nil && why != ctxEnded && why != lostLease {
		why, cause = lostLease, res.lost
	}
	switch {
	case res.panicked:
		return outcome{final: true, panicked: true, value: res.value}
	case why == ctxEnded && t.run.once():
		return outcome{final: true, err: t.run.ended(joined(res.lost, failed))}
	case why == ctxEnded:
		return outcome{final: true, err: t.run.ended(failed)}
	case why == byItself:
		return outcome{final: true, err: res.err}
	case why == gaveUp:
		return outcome{final: t.run.once(), err: res.err}
	case why == marginReached && t.run.once() && res.err == nil:
		return outcome{final: true}
	case t.run.once():
		return outcome{final: true, err: joined(cause, failed)}
	case why == marginReached || why == lostLease:
		t.logFailure(why, failed)
	case failed != nil:
		return outcome{final: true, err: failed}
	}
	return outcome{err: cause}
}

// failed returns the error by which the work has failed; nil if it has not. It fails if it returns anything but nil, the cause,
// the error of its own context, or what wraps only these; a work that was stopped may also return ErrStepDown.
func (t *term) failed(res *result, stopped stop) error {
	excuses := []error{stopped.cause, t.workCtx.Err(), ErrStepDown}
	if stopped.why != ctxEnded {
		excuses = append(excuses, res.lost)
	}
	if excused(res.err, excuses...) {
		return nil
	}
	return res.err
}

// stopTimeoutError is an ErrStopTimeout. It does not wrap the cause of the stop.
type stopTimeoutError struct {
	after    time.Duration
	cause    error
	returned <-chan struct{} // closed when the work has returned after all, and its term is over
}

func (e *stopTimeoutError) Error() string {
	return fmt.Sprintf("%v: it has not returned %v after its context was cancelled (%v); the lease is left to run out", ErrStopTimeout, e.after, e.cause)
}

func (e *stopTimeoutError) Is(target error) bool { return target == ErrStopTimeout }
