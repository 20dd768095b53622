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

	mu      sync.Mutex
	running map[*guard.Program]bool
}

// work runs the program for one term of a part. If the program ends by itself with status 0, the part is done for this term; if with
// another one, the error makes the fleet begin it again.
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
	w.runs(p, true)
	defer w.runs(p, false)
	defer p.Dismiss()
	end, err := p.Run(ctx, term, lease.Lease{})
	switch {
	case ctx.Err() != nil: // it was told to end
		return context.Cause(ctx)
	case err != nil:
		return err
	case end.Early:
		return errors.New("this process did not run, or could not renew its seat, for so long that the guard ended the program")
	case end.Code != 0:
		return fmt.Errorf("the program has ended with status %d", end.Code)
	}
	return nil
}

func (w *fleetWorker) runs(p *guard.Program, does bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if does {
		w.running[p] = true
	} else {
		delete(w.running, p)
	}
}

// each does something to all programs, and reports whether that was of use to one.
func (w *fleetWorker) each(do func(*guard.Program) bool) (any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.running {
		any = do(p) || any
	}
	return any
}

// signal passes a signal on to all programs that run.
func (w *fleetWorker) signal(s os.Signal) bool {
	return w.each(func(p *guard.Program) bool { return p.Signal(s, 0) })
}

func (w *fleetWorker) kill() { w.each((*guard.Program).Kill) }
