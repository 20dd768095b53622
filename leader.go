package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader/internal/callbacks"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// errors.Is finds these in the errors of Run, RunOnce and Acquire and in the cause of a work's context, besides those of package
// lease.
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

	mu        sync.Mutex
	running   bool
	candidate bool          // this node leads, or a request to acquire the lease is in flight
	resign    *resigning    // what StepDown has asked for; nil if nothing
	resumed   chan struct{} // closed by Resume; nil if this node is not paused
	door      *door         // by which calls of WhileLeading get in; nil if they do not
	hints     chan struct{} // of Hint, to the latest run; has room for one

	// A run may leave these behind, and the next goes on with them. One run at a time uses them.
	waiting   atomic.Int32 // requests to the manager in flight
	blind     bool         // the manager has answered that it cannot look at a lease
	logbook   *callbacks.Queue[entry]
	watchers  []*callbacks.Queue[Event]
	electees  *callbacks.Queue[bool]
	probing   *request[nothing] // to the health check; nil while it is not being asked
	asked     time.Duration     // when it was asked last, by the monotonic clock
	hung      bool              // that one has hung so long that it counts as failed
	failures  int               // of the health check, in a row
	beating   <-chan struct{}   // closed when the latest heartbeat has returned; nil: there was none
	listening []<-chan struct{} // for each source of hints, closed when nobody listens to it any more; nil: nobody has
	rest      rest              // what is left of the time for which the latest term's end leaves the lease to the others
	abandoned <-chan struct{}   // closed when a work that was given up has returned, and its term has ended; nil: none was
}

// New returns a Leader with the options. It never fails: Run reports every invalid option.
func New(opts ...Option) *Leader {
	l := &Leader{options: newOptions(opts)}
	o := &l.options
	l.board.host = host.System
	l.board.status = Status{
		Lease: o.lease, Node: o.node, Store: storeName(o.manager),
		Length: o.length, RenewEvery: o.renewEvery, AcquireEvery: o.acquireEvery, StopTimeout: o.stopTimeout,
	}
	l.listening = make([]<-chan struct{}, len(newSources(o)))
	var scribe scribe
	l.logbook = &callbacks.Queue[entry]{Deliver: scribe.write, Dropped: l.logDropped}
	l.electees = &callbacks.Queue[bool]{Deliver: o.elected, Goexit: func() { l.goexit("WhenElected") }}
	for _, observe := range o.observers {
		l.watchers = append(l.watchers, &callbacks.Queue[Event]{
			Deliver: observe,
			Dropped: func(n int) Event {
				return DroppedEvent{Origin: Origin{Lease: o.lease, Node: o.node, At: l.board.now()}, Count: n}
			},
			Goexit: func() { l.goexit("an observer") },
		})
	}
	return l
}

// storeName returns the name of the manager's store, or of the manager that it wraps; empty if none has a name.
func storeName(m lease.Manager) string {
	if named, ok := lease.Find[fmt.Stringer](m); ok {
		return named.String()
	}
	return ""
}

// goexit logs that a callback has ended its goroutine.
func (l *Leader) goexit(who string) {
	l.remark(slog.LevelError, "a callback called runtime.Goexit, as a test's FailNow does; others go on", slog.String("callback", who),
		toDo("return from the callback instead"))
}

// TermFrom returns the term that the context of a work carries; false if ctx carries none. It is lease.TermFrom.
func TermFrom(ctx context.Context) (lease.Term, bool) { return lease.TermFrom(ctx) }

// Run campaigns for the lease, runs the work while this node leads, and campaigns again after it has lost the lease. How it
// ends:
//
//   - The work returns nil: the lease is released, and Run returns nil.
//   - The work returns an error while it leads: the lease is released, and Run returns that error. An ErrStepDown
//     releases the lease too, but then this node sits out and campaigns again, as after StepDown.
//   - The lease is lost, to somebody else or to its deadline: the work's context is cancelled with a *lease.LostError as
//     its cause. Whatever the work returns then, this node campaigns again once it has.
//   - ctx ends: the work's context is cancelled with the same cause, the lease is kept until the work has returned, and
//     then released. Run returns nil if the work returned nil, ctx.Err() or the cause, and else its error. A work that never
//     returns keeps the lease for ever, as it is renewed, unless WithStopTimeout bounds that.
//   - The work panics, or calls runtime.Goexit: the lease is released, and Run panics with the same value; likewise if a function of
//     lease.BeforeEnd does so, or a method of the work's error.
//   - The options are invalid, or the lease manager is misconfigured on the first try: Run returns the error, the latter as a
//     lease.ErrMisconfigured.
//
// A node that gave the lease up sits out before it campaigns again: it waits until each standby has had time for a look, by clocks that may
// run slower, or until it sees that another node has acquired the lease. If Run or Acquire is called meanwhile, it first waits for what is
// left of that time.
//
// Besides the work, the end of Run takes no longer than WithEndTimeout says. Run may be called again once it has returned; a
// second call meanwhile gets ErrRunning, and one while a work that was given up still runs gets ErrStopTimeout.
func (l *Leader) Run(ctx context.Context) error { return l.run(ctx, untilDone, l.options.work) }

// RunOnce tries once to get the lease, and runs the work if it does. It is for a job that is triggered on many machines, to
// run on one of them. If another node holds the lease, it returns a *lease.HeldError (errors.Is lease.ErrHeld) at once. It
// returns nil only if the work returned nil while this node led. If the lease was lost, it returns a *lease.LostError; if ctx
// ended first, its cause: so no scheduler takes an unfinished job for done. See WithHoldAtLeast for triggers that come late.
// It does not sit out as Run does: a RunOnce after StepDown tries at once. As nobody goes on with the job, it cannot be asked to hand
// over (lease.Ask).
//
// Where the store cannot tell how old a record is (lease.Info.Timed), a process that has just started cannot know whether
// the lease is held or was left behind by a crash. There, RunOnce watches the record. A living holder changes it within a
// renew interval, and then RunOnce returns the HeldError. Once the record has stood for the lease's length, RunOnce takes
// the lease.
func (l *Leader) RunOnce(ctx context.Context) error { return l.run(ctx, oneTry, l.options.work) }

func (l *Leader) run(ctx context.Context, kind kind, work func(ctx context.Context) error) error {
	if err := l.begin(); err != nil {
		return err
	}
	defer func() {
		l.mu.Lock()
		l.running = false
		l.mu.Unlock()
	}()
	if err := l.options.validate(kind); err != nil {
		return err
	}
	return newRun(ctx, l, kind, work).run()
}

// begin makes sure that one run runs at a time, and one work.
func (l *Leader) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		return ErrRunning
	}
	select {
	case <-l.abandoned:
		l.abandoned = nil
	default:
		if l.abandoned != nil {
			return fmt.Errorf("%w: the one of an earlier Run has not returned yet", ErrStopTimeout)
		}
	}
	l.running, l.hints = true, make(chan struct{}, 1)
	return nil
}

// Status returns what this node is doing. It may be called at any time.
func (l *Leader) Status() Status { return l.board.read() }
