package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// A stint is the work of one term: when it began, and how it has returned.
type stint struct {
	token    uint64
	began    time.Duration // by the machine's monotonic clock
	returned bool
	panicked bool
	err      error
	cause    error // of its context when it returned; nil if that was not cancelled
	lost     error // what Check said then
}

// byItself reports whether the work returned before anything stopped it.
func (s stint) byItself() bool { return s.returned && !s.panicked && s.cause == nil && s.lost == nil }

// failed reports whether the work has failed: its error does not say that it was told to stop, or that it gives up.
func (s stint) failed() bool {
	return s.returned && s.err != nil && !errors.Is(s.err, context.Canceled) && !errors.Is(s.err, leader.ErrStepDown)
}

func (s stint) String() string {
	if !s.returned {
		return fmt.Sprintf("its work under token %d runs", s.token)
	}
	return fmt.Sprintf("its work under token %d has returned %v (panicked: %v), its context says %v and Check %v",
		s.token, s.err, s.panicked, s.cause, s.lost)
}

// stint runs a work, and notes how it ends.
func (p *process) stint(ctx context.Context, term lease.Term, work func(context.Context, lease.Term) error) (err error) {
	s := stint{token: term.Token(), began: p.host.read().Mono, panicked: true}
	note := func() {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.latest = s
	}
	note()
	defer func() {
		s.returned, s.cause, s.lost = true, context.Cause(ctx), term.Check()
		note()
	}()
	s.err = work(ctx, term)
	s.panicked = false
	return s.err
}

// judgeEnd checks why Run, or RunOnce, has ended: not for what passes, as a loss of the lease or a store that does not answer, and
// a job is not taken for done that is not. The error is that of the work, if the work ended by itself.
func (w *world) judgeEnd(p *process, err error, panicked any, ctxEnded bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := p.latest
	switch own := s.returned && !s.panicked; { // a work that was given up may yet have returned
	case errors.Is(err, leader.ErrStopTimeout):
		if w.plan.StopTimeout == 0 {
			w.breaks("Run 5: %s gives its work up, and has no StopTimeout: %v", p.name, err)
		}
	case panicked != nil || s.returned && s.panicked:
		if panicked == nil || own {
			w.breaks("Run 3: %s panics with %v and returns %v, and %v", p.name, panicked, err, s)
		}
	case s.byItself() && !errors.Is(s.err, leader.ErrStepDown):
		if err != s.err {
			w.breaks("Run 3: the work of %s has returned %v by itself, and Run returns %v", p.name, s.err, err)
		}
	case w.plan.Once:
		if err == nil && (!own || s.err != nil || s.lost != nil || w.plan.StopMargin == 0) {
			w.breaks("RunOnce: %s returns nil, and its job is not done: %v", p.name, s)
		}
	case err == nil:
		if !ctxEnded {
			w.breaks("Run: %s returns nil, and nobody has told it to: %v", p.name, s)
		}
	case !s.failed() || err != s.err || !ctxEnded && (s.lost != nil || errors.Is(s.cause, lease.ErrLost)):
		w.breaks("Run 9: %s returns %v, and its work has not failed for that: %v", p.name, err, s)
	}
}

// judgeHold checks WithHoldAtLeast when a lease is about to be released: the lease of a job that has ended by itself is held for as long.
func (w *world) judgeHold(p *process, held lease.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := p.latest
	if !w.plan.Once || s.token != held.Token || !s.byItself() || errors.Is(s.err, leader.ErrStepDown) {
		return
	}
	w.counts["releases of a job that is done"]++
	if passed := p.host.read().Mono - s.began; passed < w.plan.HoldAtLeast {
		w.breaks("RunOnce: %s releases its lease %v after its job began, and is to hold it for %v", p.name, passed, w.plan.HoldAtLeast)
	}
}
