package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/callbacks"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// errors.Is finds these in the errors of Run and in the cause of a work's context, besides the errors of package lease.
var (
	ErrRunning     = leader.ErrRunning
	ErrUnhealthy   = leader.ErrUnhealthy
	ErrStopTimeout = leader.ErrStopTimeout
	ErrMoved       = errors.New("fleet: the part goes to another node") // the cause of a work's context when the plan takes its part away
)

// A Fleet is one node of a fleet. Make one with New. It is safe for concurrent use.
type Fleet struct {
	options  options
	board    board
	watchers []*callbacks.Queue[Event]
	logbook  *callbacks.Queue[line]

	// An earlier Run may have left these behind.
	works   atomic.Int32 // those that have not returned
	probing atomic.Bool  // the health check has not returned

	mu     sync.Mutex
	node   *node         // nil: Run does not run
	over   chan struct{} // closed when the node has left
	status Status
	alien  error // with health, what bars the node from the office
	health error
}

// New returns a Fleet with the options. It never fails: Run reports every invalid option.
func New(opts ...Option) *Fleet {
	f := &Fleet{options: newOptions(opts), logbook: &callbacks.Queue[line]{Deliver: line.write}}
	for _, observe := range f.options.observers {
		f.watchers = append(f.watchers, &callbacks.Queue[Event]{
			Deliver: observe,
			Dropped: func(n int) Event {
				return DroppedEvent{Origin: Origin{Fleet: f.options.name, Node: f.options.node, At: f.clock().Now()}, Count: n}
			},
		})
	}
	f.status = Status{Fleet: f.options.name, Node: f.options.node, Length: f.options.length}
	if f.options.manager != nil {
		f.status.Store = lease.PlaceOf(f.options.manager)
	}
	return f
}

// Validate returns what is wrong with the options, as Run would; nil if nothing is.
func (f *Fleet) Validate() error { return f.options.validate() }

// Run takes part in the fleet: it runs the work of each part that this node has, and takes its turn as the coordinator. How it ends:
//
//   - ctx ends, or Drain is called: the node says that it leaves, and works on until other nodes are to have its parts, all
//     works have returned by themselves, or WithDrainTimeout has passed. Then all works that are left are cancelled. When they have
//     returned, the seat is given back, and Run returns nil.
//   - A work panics, or calls runtime.Goexit: all works are cancelled, the seat is given back, and Run panics: with the same value, or
//     with an error that names runtime.Goexit.
//   - A cancelled work does not return within WithStopTimeout: all works are cancelled, and have as long to return. Then Run returns an
//     ErrStopTimeout, or panics if a work has, and the seat runs out.
//   - The options are invalid, or the lease manager is misconfigured on the first try: Run returns the error.
//
// A lost seat does not end Run: the works are cancelled, and when they have returned, the node takes another seat.
// Run may be called again once it has returned. A second call meanwhile gets ErrRunning. While a work that was given up still runs, Run
// returns an ErrStopTimeout at once.
func (f *Fleet) Run(ctx context.Context) error {
	if err := f.Validate(); err != nil {
		return err
	}
	n := newNode(ctx, f)
	if err := f.begin(n); err != nil {
		return err
	}
	err := n.run()
	close(f.over) // observers may ask for the Status
	n.told()
	f.mu.Lock()
	f.node = nil
	f.mu.Unlock()
	if n.panicked != nil {
		panic(n.panicked.value)
	}
	return err
}

// begin makes this the node that runs, unless another one does, or has left works behind.
func (f *Fleet) begin(n *node) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.node != nil {
		return ErrRunning
	}
	if left := f.works.Load(); left > 0 {
		return fmt.Errorf("fleet: %d works of an earlier Run have not returned yet: %w", left, ErrStopTimeout)
	}
	f.node, f.over = n, make(chan struct{})
	f.alien, f.health = nil, nil // what an earlier Run has found bars it from nothing
	return nil
}

// Drain makes Run end in order, as if its context had ended, and returns nil when Run is about to return. If ctx ends first, Drain
// returns its cause, and the node goes on draining. If Run does not run, Drain does nothing and returns nil.
func (f *Fleet) Drain(ctx context.Context) error {
	n, over := f.current()
	if n == nil {
		return nil
	}
	n.inbox.post(n.drain)
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Hint tells this node that the fleet's leases may have something new for it: what the functions Drain, Resume or Move ask for, or another
// plan. The node looks soon, as leader.Leader's Hint says. Hint does not wait. If Run does not run, it does nothing.
func (f *Fleet) Hint() {
	if n, _ := f.current(); n != nil {
		n.inbox.post(n.hinted)
	}
}

// current returns the node that runs, nil if none does, and a channel that is closed when it has ended.
func (f *Fleet) current() (*node, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.node, f.over
}

// clock returns the clocks of the machine that runs the node.
func (f *Fleet) clock() host.Host {
	if n, _ := f.current(); n != nil {
		return n.host
	}
	return host.System
}

// whyBarred returns why this node must not coordinate.
func (f *Fleet) whyBarred() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.alien, f.health)
}
