package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/lease"
)

// fleetProgram runs for each part.
type fleetProgram struct {
	path   string
	argv   []string
	timing guard.Timing
	store  string // its URL
	logs   logs.Flags
}

// fleetWorker runs the program for each term of a part, each under a guard.
type fleetWorker struct {
	program     fleetProgram
	fleet, node string
	log         *slog.Logger

	leave context.CancelCauseFunc // makes this node leave the fleet

	mu      sync.Mutex
	running map[*guard.Program]context.CancelFunc // stops one that has not quite begun, too
	closed  bool                                  // no program is started any more
}

// work runs the program for one term of a part. If the program ends by itself with status 0, the part is done for this term; if with
// another one, the error makes the fleet begin it again. If it can never run, this node leaves the fleet, as leader run ends.
//
// The guard gets no lease to give back: the seat is that of all parts of this node, so it runs out if leader is killed.
func (w *fleetWorker) work(ctx context.Context, part string) error {
	term, _ := lease.TermFrom(ctx)
	p := &guard.Program{
		Path: w.program.path, Argv: w.program.argv, Timing: w.program.timing, StoreURL: w.program.store, Logs: w.program.logs, Shared: true,
		Env: []string{
			leaseVariable + "=" + term.Name(), holderVariable + "=" + w.node, fleetVariable + "=" + w.fleet, partVariable + "=" + part,
		},
		Log: w.log.With("part", part),
	}
	running, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	if !w.runs(p, func() { kill(errKilled) }) {
		return nil // this node leaves
	}
	defer w.ended(p)
	defer p.Dismiss()
	end, err := p.Run(running, term, lease.Lease{})
	idle, isIdle := errors.AsType[*guard.NotStarted](err)
	switch {
	case ctx.Err() != nil: // it was told to end
		return context.Cause(ctx)
	case running.Err() != nil: // it was killed, and is not to begin again
		return nil
	case isIdle && idle.Code != 0:
		p.Log.Error("the program cannot be run: this node leaves the fleet", "err", idle.Err)
		w.close()
		w.leave(exitOf(idle))
		return err
	case err != nil:
		return err
	case end.Early:
		return errors.New("this process did not run, or could not renew its seat, for so long that the guard ended the program")
	case end.Code != 0:
		return fmt.Errorf("the program has ended with status %d", end.Code)
	}
	return nil
}

// errKilled stops a program whose guard did not exist yet when all were killed: it has as little time as when the seat is lost.
var errKilled = fmt.Errorf("%w: leader was asked to stop again", lease.ErrLost)

// runs notes a program that is to be started. It reports false if none is started any more.
func (w *fleetWorker) runs(p *guard.Program, kill context.CancelFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.running[p] = kill
	}
	return !w.closed
}

func (w *fleetWorker) ended(p *guard.Program) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, p)
}

// close lets no program be started any more.
func (w *fleetWorker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// signal passes a signal on to all programs that run, and reports whether that was of use to one.
func (w *fleetWorker) signal(s os.Signal) (any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.running {
		any = p.Signal(s, 0) || any
	}
	return any
}

// kill kills all programs, and lets none begin again while this node leaves.
func (w *fleetWorker) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for p, stop := range w.running {
		p.Kill()
		stop()
	}
}
