package main

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/signals"
)

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

// A stopper stops leader at SIGINT and SIGTERM, and kills what it runs at the second one. Other signals go to what it runs; but if that is
// begun again when a signal has ended it, then SIGHUP, which a terminal sends when it is closed, stops leader, too.
type stopper struct {
	signal     func(os.Signal) bool // passes one on; false: nothing runs
	kill       func()
	cancel     context.CancelCauseFunc // stops leader, with an *askedToStop
	log        *slog.Logger
	onTerminal bool // at the start: a terminal that was closed since does not show any more
	restarts   bool // what it runs is begun again

	asked time.Time // when leader was first asked to stop
}

// handle goes on as long as this process lives.
func (t *stopper) handle(received <-chan os.Signal) {
	for s := range received {
		t.take(s)
	}
}

func (t *stopper) take(s os.Signal) {
	asks := s == os.Interrupt || s == syscall.SIGTERM || s == syscall.SIGHUP && t.onTerminal && t.restarts
	switch {
	case asks && !t.asked.IsZero() && time.Since(t.asked) < oneDecision:
		t.log.Debug("leader is asked to stop again at once, which changes nothing", "signal", signals.Name(s))
	case asks && !t.asked.IsZero():
		t.kill()
		t.log.Warn("leader is asked to stop again, and kills the program", "signal", signals.Name(s))
	case asks, !t.signal(s) && signals.EndWithoutProgram(s, t.onTerminal):
		t.asked = time.Now()
		t.cancel(&askedToStop{s})
		t.log.Info("leader is asked to stop", "signal", signals.Name(s))
	}
}
