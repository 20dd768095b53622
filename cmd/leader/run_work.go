package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// runner runs the program for each term.
type runner struct {
	program    *program
	log        *slog.Logger
	once       bool
	onTerminal bool // when it began: one that has been closed is none any more

	stopping context.Context // ends when leader is asked to stop, with an *askedToStop as its cause
	cancel   context.CancelCauseFunc
	ran      atomic.Bool            // there was a term
	stopped  atomic.Pointer[ending] // the program's, once leader was asked to stop
}

// askedToStop is a signal that asked leader to stop.
type askedToStop struct{ signal os.Signal }

func (e *askedToStop) Error() string { return "stopped by the signal " + e.signal.String() }

// code is what a shell would exit with.
func (e *askedToStop) code() int {
	if number, ok := e.signal.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitFailed
}

// run runs until the program ends by itself, or leader is asked to stop. The error has the exit code.
func (r *runner) run(l *leader.Leader, heldCode int) error {
	defer r.handleSignals()()
	if r.once {
		return r.judgeOnce(l.RunOnce(r.stopping), heldCode)
	}
	if err := l.Run(r.stopping); errors.Is(err, lease.ErrInvalid) {
		return usage(err)
	} else if err != nil {
		return err
	}
	if code := r.stoppedCode(); code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// judgeOnce is what became of a job.
func (r *runner) judgeOnce(err error, heldCode int) error {
	_, failed := errors.AsType[*exitError](err)
	asked, stopped := errors.AsType[*askedToStop](err)
	ended := errors.Is(err, lease.ErrLost) || errors.Is(err, leader.ErrStepDown) || errors.Is(err, leader.ErrUnhealthy)
	switch {
	case errors.Is(err, lease.ErrInvalid):
		return usage(err)
	case errors.Is(err, lease.ErrHeld) && heldCode == 0: // the job is done elsewhere: cron is not to send a mail
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
		return &exitError{code: asked.code(), err: err} // it may have stopped half way, and is not done
	}
	return err
}

// stoppedCode is the exit status of a program that was stopped because leader was asked to. To die of SIGTERM is what it
// was asked for.
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
	end, err := r.program.run(ctx, term)
	switch {
	case err != nil:
		return err
	case r.stopping.Err() != nil:
		r.stopped.Store(&end)
		return nil
	case ctx.Err() != nil: // how it took that does not matter: it runs again when this node leads again
		return context.Cause(ctx)
	case end.Early:
		return fmt.Errorf("%w: this process did not run for so long that the program had to be ended", leader.ErrStepDown)
	case end.Code != 0:
		return &exitError{code: end.Code}
	}
	return nil
}

// handleSignals stops leader at SIGINT and SIGTERM, and kills the program at the second of them; others are the program's.
func (r *runner) handleSignals() (stop func()) {
	signals, done := watchSignals()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for s := range signals {
			r.handle(s)
		}
	}()
	return func() {
		done()
		<-over
	}
}

func (r *runner) handle(s os.Signal) {
	asked := s == os.Interrupt || s == syscall.SIGTERM
	switch {
	case asked && r.stopping.Err() != nil:
		r.log.Warn("killing the program", "signal", s.String())
		r.program.kill()
	case asked, !r.program.signal(s) && endsWithoutProgram(s, r.onTerminal):
		r.log.Info("stopping", "signal", s.String())
		r.cancel(&askedToStop{s})
	}
}
