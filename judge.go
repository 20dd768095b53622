package leader

import (
	"cmp"
	"context"
	"errors"
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

// stop cancels the work; only the first call counts. If the work's context was cancelled a moment before, by its parent or by
// the term's end, that is the reason.
func (t *term) stop(why reason, cause error) {
	if t.stopped.why != none {
		return
	}
	t.keeper.Cancel(cause)
	if first := context.Cause(t.workCtx); !same(first, cause) {
		why, cause = t.reasonOf(first), first
	}
	t.stopped = stop{why, cause, t.mono()}
	t.overrunAt = t.stopped.at + t.length
	t.enter(Stopping, t.held.Token, cause)
}

// stopAs stops the work whose context was cancelled by its parent or by the term's end. If the work is stopping already, it
// was the term's end.
func (t *term) stopAs(cause error) {
	if lost := t.term.Check(); lost != nil {
		t.lose(lost)
		return
	}
	t.stop(t.reasonOf(cause), cause)
}

// reasonOf returns the reason behind a cause that this term did not set itself: the term's end, or that of the run's
// context. The latter may have any cause, even the lost lease of a leader around this one.
func (t *term) reasonOf(cause error) reason {
	if same(cause, t.term.Check()) {
		return lostLease
	}
	return ctxEnded
}

// whyReturned returns why the work has returned.
func (t *term) whyReturned(res *result) stop {
	switch {
	case res.cause == nil && res.lost != nil: // the term was over, and this node had not noticed yet
		return stop{lostLease, res.lost, t.mono()}
	case res.cause == nil && !res.panicked && errors.Is(res.err, ErrStepDown):
		return stop{gaveUp, res.err, t.mono()}
	case res.cause == nil:
		return stop{byItself, nil, t.mono()}
	case t.stopped.why == none:
		return stop{t.reasonOf(res.cause), res.cause, t.mono()}
	}
	return t.stopped
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
//	the lease is lost      no              campaigns again             the LostError
//	the lease is lost      yes             logs it, campaigns again    both
//	StepDown, ill health   no              campaigns again             the cause
//	StepDown, ill health   yes             its error                   both
//	the stop margin        no              campaigns again             nil if it returned nil, else the LostError
//	the stop margin        yes             logs it, campaigns again    both
//	it gave up: ErrStepDown                campaigns again             its error
//	by itself              yes or no       what it returned            what it returned
//
// A work fails if it returns anything but nil, the cause, the error of its own context, or what wraps only these; a work that
// was stopped may also return ErrStepDown. The lease is lost, whatever the work was stopped for before, if Check fails when it
// returns; ctx's end goes before that.
func (t *term) judge(res *result, why stop) outcome {
	failed, lost := res.err, res.lost
	if why.why == lostLease {
		lost = why.cause
	}
	reasons := []error{why.cause, t.workCtx.Err(), ErrStepDown}
	if why.why != ctxEnded {
		reasons = append(reasons, lost)
	}
	if why.why != byItself && why.why != gaveUp && excused(res.err, reasons...) {
		failed = nil
	}
	switch {
	case res.panicked:
		return outcome{panicked: true, value: res.value}
	case why.why == ctxEnded && t.once:
		return outcome{final: true, err: t.ended(joined(lost, failed))}
	case why.why == ctxEnded:
		return outcome{final: true, err: t.ended(failed)}
	case lost != nil && t.once:
		return outcome{final: true, err: joined(lost, failed)}
	case why.why == marginReached && t.once && res.err == nil:
		return outcome{final: true}
	case lost != nil || why.why == marginReached && !t.once:
		t.logFailure(failed)
		return outcome{err: cmp.Or(lost, why.cause)}
	case why.why == gaveUp:
		return outcome{final: t.once, err: res.err}
	case why.why == byItself:
		return outcome{final: true, err: res.err}
	case t.once:
		return outcome{final: true, err: joined(why.cause, failed)}
	case failed != nil:
		return outcome{final: true, err: failed}
	}
	return outcome{err: why.cause}
}

// stopTimeoutError is an ErrStopTimeout. It does not wrap the cause of the stop.
type stopTimeoutError struct {
	after time.Duration
	cause error
}

func (e *stopTimeoutError) Error() string {
	return fmt.Sprintf("%v: it has not returned %v after its context was cancelled (%v); the lease is left to run out", ErrStopTimeout, e.after, e.cause)
}

func (e *stopTimeoutError) Is(target error) bool { return target == ErrStopTimeout }
