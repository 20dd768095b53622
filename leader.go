package leader

import (
	"context"
	"errors"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// What errors.Is finds in what Run, RunOnce and a work's context say, besides the errors of package lease.
var (
	ErrRunning     = errors.New("leader: it is running already")
	ErrStepDown    = errors.New("leader: stepping down")
	ErrUnhealthy   = errors.New("leader: this node is unhealthy")
	ErrStopTimeout = errors.New("leader: the work does not stop")
)

// A Leader is one node's part in the election for one lease. Make one with New. It is safe for concurrent use.
type Leader struct {
	options options
	board   board

	mu      sync.Mutex
	running bool
	term    *term         // that is being led; nil if none is
	over    chan struct{} // closed when its lease is given back, or given up; nil if nobody waits for that
}

// New returns a Leader with the options. It never fails: Run reports what is wrong with them.
func New(opts ...Option) *Leader {
	l := &Leader{options: newOptions(opts)}
	l.board.status = Status{Lease: l.options.lease, Node: l.options.node}
	return l
}

// TermFrom returns the term that the context of a work carries.
func TermFrom(ctx context.Context) (lease.Term, bool) { return lease.TermFrom(ctx) }

// Run campaigns for the lease, does the work while this node leads, and campaigns again when it has lost the lease. It
// ends with what the work says or when ctx does:
//
//   - The work returns nil: the lease is released, and Run returns nil.
//   - The work returns an error while it leads: the lease is released, and Run returns that error. An ErrStepDown
//     releases the lease too, but then this node sits out one lease length and campaigns again.
//   - The lease is lost, to somebody else or to its deadline: the work's context is cancelled with a *lease.LostError as
//     its cause. Whatever the work returns then, this node campaigns again once it has.
//   - ctx ends: the work's context is cancelled with the same cause, the lease is kept until the work has returned, and
//     then released. Run returns nil if the work returned nil, ctx.Err() or the cause, and else its error.
//   - The work panics, or calls runtime.Goexit: the lease is released, and Run panics with the same value.
//   - The options are invalid, or the lease manager is misconfigured on the first try: Run returns why.
//
// Run may be called again once it has returned; a second call meanwhile gets ErrRunning.
func (l *Leader) Run(ctx context.Context) error { return l.run(ctx, false) }

// RunOnce is Run for a job that is triggered on many machines and is to be done by one: it tries once. If somebody else
// holds the lease, it returns a *lease.HeldError (errors.Is lease.ErrHeld) at once. It returns nil only if the work
// returned nil while this node led: if the lease was lost, it returns a *lease.LostError, and if ctx ended first, its
// cause, so that no scheduler takes an unfinished job for done. See WithHoldAtLeast for triggers that come late.
func (l *Leader) RunOnce(ctx context.Context) error { return l.run(ctx, true) }

func (l *Leader) run(ctx context.Context, once bool) error {
	l.mu.Lock()
	if l.running {
		l.mu.Unlock()
		return ErrRunning
	}
	l.running = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.running = false
		l.mu.Unlock()
	}()
	if err := l.options.validate(); err != nil {
		return err
	}
	return newRun(ctx, l, once).run()
}

// StepDown makes this node give the lease up if it leads: its work is cancelled with ErrStepDown as the cause, and the
// lease is released once it has returned. Then the node sits out one lease length, so that another may lead, and
// campaigns again. StepDown returns when the lease is released, or when ctx ends, with its cause. Called with the
// context of the work itself, it does not wait. If this node does not lead, there is nothing to do.
func (l *Leader) StepDown(ctx context.Context) error {
	t, over := l.leading()
	if t == nil {
		return nil
	}
	t.keeper.Cancel(ErrStepDown)
	if own, ok := lease.TermFrom(ctx); ok && own == t.term {
		return nil
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leading returns the term that is being led, nil if none is, and what is closed when it is over.
func (l *Leader) leading() (*term, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term != nil && l.over == nil {
		l.over = make(chan struct{})
	}
	return l.term, l.over
}

// Status tells what this node is doing, at any time.
func (l *Leader) Status() Status { return l.board.read() }

// setTerm notes the term that is being led from now on; nil: none is.
func (l *Leader) setTerm(t *term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = t
	if t == nil && l.over != nil {
		close(l.over)
		l.over = nil
	}
}
