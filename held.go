package leader

import (
	"context"
	"errors"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// Acquire waits until this node leads, and returns the lease, for callers that hold a lease instead of passing a work. It is
// kept as Run keeps it: it is renewed until Release, and its term holds on one node at a time. Protect effects as those of a work:
// by the term's Check right before, and by its token.
//
//	held, err := l.Acquire(ctx)
//	if err != nil {
//		return err
//	}
//	defer held.Release(context.Background())
//	return work(held.Context())
//
// ctx is the parent of the lease's context, as it is of a work's in Run: when it ends, the caller is to stop and to release. To
// bound only the wait, use WithPatience; the error is then that of the last try (errors.Is lease.ErrHeld, if another node holds
// the lease). If ctx ends first, Acquire returns its cause; after StepDown it returns ErrStepDown. A call that
// follows on a term that was given up sits out first, as Run does. If the options are invalid or
// the store is misconfigured, it returns the error that Run would return. WhenStarted must not be given; the other options mean
// what they mean for Run.
//
// An operator can ask the holder to hand over, as a leader (lease.Ask, leader handover): then the lease's context ends
// with ErrStepDown as its cause, also in the middle of what the caller does. Use RunOnce for what is to be done once, and whole.
//
// A Leader holds one lease at a time: until Release has returned, Acquire, Run and RunOnce return ErrRunning. Goroutines that
// are to hold the lease in turn need a Leader each.
func (l *Leader) Acquire(ctx context.Context) (*Held, error) {
	_ = ctx.Done() // a nil context panics here, as in Run, rather than in a goroutine
	h := &Held{leader: l, leads: make(chan context.Context), released: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		defer func() { h.panicked = recover() }() // nobody could recover it here
		h.err = l.run(ctx, oneTerm, h.hold)
		if late, ok := errors.AsType[*stopTimeoutError](h.err); ok {
			<-late.returned // until then, the next call of Acquire would fail
		}
	}()
	select {
	case h.ctx = <-h.leads:
		return h, nil
	case <-h.ended:
		h.panicOn()
		return nil, h.err
	}
}

// Held is a lease that Acquire has acquired. It is safe for concurrent use.
type Held struct {
	leader *Leader
	ctx    context.Context
	leads  chan context.Context // carries the work's context, once

	release  sync.Once
	released chan struct{} // closed by the first call of Release
	lost     error         // why the term was over by then
	resign   *resigning    // what becomes of the lease; nil if it was given up before

	ended chan struct{} // closed when the run has ended, and the term
	err   error         // of the run

	panicked any // what the run panicked with; nil: it has not
}

// panicOn goes on with the panic of a run that has ended: in the caller, as with Run.
func (h *Held) panicOn() {
	if h.panicked != nil {
		panic(h.panicked)
	}
}

// hold is the work.
func (h *Held) hold(ctx context.Context) error {
	h.leads <- ctx
	<-h.released
	return nil
}

// Context is cancelled when the caller is to stop: the term is over (the cause is a *lease.LostError), ctx of Acquire has ended,
// or StepDown, Pause, WithHealth or WithStopMargin asks for it. It carries the term, and SetValue accepts
// it, as those of a work's context. Unless the lease is lost, it is kept until Release.
func (h *Held) Context() context.Context { return h.ctx }

// Term returns the lease's term, whose Check says whether it still holds.
func (h *Held) Term() lease.Term {
	term, _ := TermFrom(h.ctx)
	return term
}

// Release gives the lease back, once what was done under it has ended. It returns nil if the term held until now and the lease is given back;
// a *lease.LostError if the term was over before, so that another node may have led meanwhile; the reason if the lease could not
// be given back, and runs out; ErrStopTimeout if WithStopTimeout gave it up before. It waits for no longer than WithEndTimeout
// says, and returns the cause of ctx if that ends first. It panics if a function of lease.BeforeEnd does, as Run would. Further calls
// do the same.
func (h *Held) Release(ctx context.Context) error {
	h.release.Do(func() {
		h.lost = h.Term().Check()
		h.resign = h.leader.ending()
		close(h.released)
	})
	select {
	case <-h.ended:
	default:
		select {
		case <-h.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	h.panicOn()
	switch {
	case errors.Is(h.err, ErrStopTimeout):
		return h.err
	case h.lost != nil:
		return h.lost
	case h.resign != nil:
		return h.resign.err
	}
	return nil
}
