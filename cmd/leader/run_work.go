package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/signals"
	"github.com/cloudlease/leader/lease"
)

// runner runs the program for each term.
type runner struct {
	program    *guard.Program
	leader     *leader.Leader
	log        *slog.Logger
	once       bool
	onTerminal bool // at the start: a terminal that was closed since does not show any more

	stopping context.Context // ends when leader is asked to stop, with an *askedToStop as its cause
	cancel   context.CancelCauseFunc
	ran      atomic.Bool                  // there was a term
	stopped  atomic.Pointer[guard.Ending] // the program's, once leader was asked to stop
	asked    time.Time                    // when that was first; only handle has it
}

// oneDecision is the time in which further signals to stop count as the first one: a service manager and a
// script, or a terminal and a parent process, may each send one.
const oneDecision = time.Second

// askedToStop is a signal that asked leader to stop.
type askedToStop struct{ signal os.Signal }

func (e *askedToStop) Error() string { return "stopped by " + signals.Name(e.signal) }

// code returns the exit code of a shell.
func (e *askedToStop) code() int {
	if number, ok := e.signal.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitFailed
}

// run runs until the program ends by itself, or leader is asked to stop. The error has the exit code.
func (r *runner) run(received <-chan os.Signal, heldCode int) error {
	go r.handleSignals(received) // as long as this process lives
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
		Attributes: h.Attributes, RenewEvery: h.RenewEvery, Acquired: h.Acquired, Version: h.Version,
	}
}

// handleSignals stops leader at SIGINT and SIGTERM, and kills the program at the second one. Other signals go to the program.
func (r *runner) handleSignals(received <-chan os.Signal) {
	for s := range received {
		r.handle(s)
	}
}

func (r *runner) handle(s os.Signal) {
	asks := s == os.Interrupt || s == syscall.SIGTERM
	switch {
	case asks && !r.asked.IsZero() && time.Since(r.asked) < oneDecision:
		r.log.Debug("leader is asked to stop again at once, which changes nothing", "signal", signals.Name(s))
	case asks && !r.asked.IsZero():
		r.program.Kill()
		r.log.Warn("leader is asked to stop again, and kills the program", "signal", signals.Name(s))
	case asks, !r.program.Signal(s, r.leading()) && signals.EndWithoutProgram(s, r.onTerminal):
		r.asked = time.Now()
		r.cancel(&askedToStop{s})
		r.log.Info("leader is asked to stop", "signal", signals.Name(s))
	}
}

// leading returns the token of this node's term; 0: it does not lead.
func (r *runner) leading() uint64 {
	if s := r.leader.Status(); s.State == leader.Leading {
		return s.Term.Token()
	}
	return 0
}
