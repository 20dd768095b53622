package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/lease"
)

// runner runs the program for each term.
type runner struct {
	program *guard.Program
	leader  *leader.Leader
	log     *slog.Logger
	once    bool

	stopping context.Context              // ends when leader is asked to stop, with an *askedToStop as its cause
	ran      atomic.Bool                  // there was a term
	stopped  atomic.Pointer[guard.Ending] // the program's, once leader was asked to stop
}

// run runs until the program ends by itself, or leader is asked to stop. The error has the exit code.
func (r *runner) run(heldCode int) error {
	defer r.program.Dismiss()
	if r.once {
		return r.judgeOnce(r.leader.RunOnce(r.stopping), heldCode)
	}
	if err := r.leader.Run(r.stopping); errors.Is(err, lease.ErrInvalid) {
		return usage(err)
	} else if err != nil {
		return err
	}
	if code := r.stoppedCode(); code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// judgeOnce returns the error, with its exit code, for the outcome of a job.
func (r *runner) judgeOnce(err error, heldCode int) error {
	_, failed := errors.AsType[*exitError](err)
	idle, isIdle := errors.AsType[*guard.NotStarted](err)
	asked, stopped := errors.AsType[*askedToStop](err)
	ended := errors.Is(err, lease.ErrLost) || errors.Is(err, leader.ErrStepDown) || errors.Is(err, leader.ErrUnhealthy)
	switch {
	case errors.Is(err, lease.ErrInvalid):
		return usage(err)
	case isIdle && idle.Code == 0:
		return err
	case isIdle:
		return &exitError{code: idle.Code, err: idle.Err}
	case errors.Is(err, lease.ErrHeld) && heldCode == 0: // another node does the job: cron must not send a mail
		r.log.Info("there is nothing to do here", "because", err.Error())
		return nil
	case errors.Is(err, lease.ErrHeld):
		return &exitError{code: heldCode, err: fmt.Errorf("%w: there is nothing to do here", err)}
	case ended && r.ran.Load():
		return &exitError{code: exitLost, err: fmt.Errorf("the program was ended before it had finished: %w", err)}
	case stopped && !failed:
		if code := r.stoppedCode(); code != 0 {
			return &exitError{code: code, err: err}
		}
		return &exitError{code: asked.code(), err: err} // it may have stopped half way: the job is not done
	}
	return err
}

// exitOf returns the error of a program that has not run, with its exit code.
func exitOf(idle *guard.NotStarted) error {
	if idle.Code == 0 {
		return idle.Err
	}
	return &exitError{code: idle.Code, err: idle.Err}
}

// stoppedCode returns the exit status of a program that was stopped because leader was asked to stop. To end by SIGTERM
// counts as success.
func (r *runner) stoppedCode() int {
	if end := r.stopped.Load(); end != nil && end.Signal != syscall.SIGTERM {
		return end.Code
	}
	return 0
}

// work runs the program for one term.
func (r *runner) work(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	r.ran.Store(true)
	end, err := r.program.Run(ctx, term, r.held(term))
	idle, isIdle := errors.AsType[*guard.NotStarted](err)
	switch {
	case isIdle && !r.once:
		return exitOf(idle) // and not an ErrStepDown: this node does not try again
	case err != nil:
		return err
	case r.stopping.Err() != nil:
		r.stopped.Store(&end)
		return nil
	case ctx.Err() != nil: // its exit status does not matter: it runs again when this node leads again
		return context.Cause(ctx)
	case end.Early:
		return fmt.Errorf("%w: this process did not run for so long that the guard ended the program", leader.ErrStepDown)
	case end.Code != 0:
		return &exitError{code: end.Code}
	}
	return nil
}

// held returns the lease of the term; the zero Lease if the term is over already.
func (r *runner) held(term lease.Term) lease.Lease {
	h := r.leader.Status().Seen
	if h.Token != term.Token() {
		return lease.Lease{}
	}
	return lease.Lease{
		Name: h.Name, Holder: h.Holder, ID: h.ID, Token: h.Token, Length: h.Length,
		Attributes: h.Attributes, RenewEvery: h.RenewEvery, Acquired: h.Acquired, Version: h.Version, HoldAtLeast: h.HoldAtLeast,
	}
}

// leading returns the token of this node's term; 0: it does not lead.
func (r *runner) leading() uint64 {
	if s := r.leader.Status(); s.State == leader.Leading {
		return s.Term.Token()
	}
	return 0
}
