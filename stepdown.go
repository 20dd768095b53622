package leader

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// resigning is a StepDown under way: the term that this node leads, or asks for, is to end.
type resigning struct {
	asked chan struct{} // closed at once
	done  chan struct{} // closed when the lease is released or left to run out, or was not acquired
	err   error         // set before done is closed: why the lease was not given back
	next  string        // to whom others leave the lease at first; empty: to nobody
}

// A StepDownOption says more about a StepDown.
type StepDownOption func(*resigning)

// To names the node that is to lead next, by its ID (WithNodeID). The others leave the lease to it for an acquire interval and a
// request, counted from when each sees the release, and then any of them takes it: the named node may be down. That is a courtesy:
// RunOnce and programs of older versions do not yield. On Azure it takes two requests more.
func To(node string) StepDownOption { return func(r *resigning) { r.next = node } }

// StepDown makes this node give the lease up if it leads, or is about to lead. The work's context is cancelled with ErrStepDown
// as the cause, and the lease is released once the work has returned. Then the node sits out one lease length, or
// an acquire interval and a request if that is longer, so that another node leads; it campaigns again as soon as it sees that
// another one has acquired the lease. With [To] it sits out for two acquire intervals and two requests, if that is longer.
//
// StepDown returns nil when the lease is released, and the cause of ctx if that ends first. If the release is not acknowledged, or
// WithHoldAtLeast keeps the lease, it returns the reason: the lease then runs out. Called with the work's own context, it does not
// wait. If this node does not lead, it does nothing, and returns nil. The error is a lease.ErrInvalid if the name in [To] is this
// node's, or is not valid.
func (l *Leader) StepDown(ctx context.Context, opts ...StepDownOption) error {
	var asked resigning
	for _, set := range opts {
		if set == nil {
			return fmt.Errorf("leader: step down: %w: an option is nil", lease.ErrInvalid)
		}
		set(&asked)
		if err := lease.CheckName(asked.next); err != nil {
			return fmt.Errorf("leader: step down: the next node: %w", err)
		}
	}
	if asked.next == l.options.node {
		return fmt.Errorf("leader: step down: %w: the next node, %q, is this one", lease.ErrInvalid, asked.next)
	}
	r := l.askToResign(asked.next)
	if r == nil {
		return nil
	}
	if ctx.Value(insideOf{l}) != nil { // the caller is the work, or a part of it
		return nil
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// insideOf is the key by which the context of a work says whose work it is, also to what runs within it.
type insideOf struct{ leader *Leader }

// askToResign asks the current term to end, in favour of the next node if that is named. It returns nil if this node neither leads nor
// may be about to.
func (l *Leader) askToResign(next string) *resigning {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.candidate {
		return nil
	}
	if l.resign == nil {
		l.resign = newResigning()
	}
	l.resign.next = cmp.Or(next, l.resign.next)
	select {
	case <-l.resign.asked:
	default:
		close(l.resign.asked)
	}
	return l.resign
}

// ending returns what becomes of the lease that this node leads by; nil if it leads no more.
func (l *Leader) ending() *resigning {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resign
}

func newResigning() *resigning {
	return &resigning{asked: make(chan struct{}), done: make(chan struct{})}
}

// startsAsking notes that the answer to a request may make this node lead. If the node is paused, it returns a channel that Resume
// closes, and the lease is not to be asked for.
func (l *Leader) startsAsking() (resumed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.candidate = l.resumed == nil
	return l.resumed
}

// leads returns a channel that is closed when StepDown is called, or that is closed already if StepDown was called since the
// lease was asked for.
func (l *Leader) leads() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resign == nil {
		l.resign = newResigning()
	}
	return l.resign.asked
}

// nextNode returns the node that StepDown has named; empty if none.
func (l *Leader) nextNode() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resign == nil {
		return ""
	}
	return l.resign.next
}

// leadsNoMore notes that this node neither leads nor asks for the lease; err is why the lease was not released.
func (l *Leader) leadsNoMore(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.candidate = false
	if l.resign != nil {
		if err != nil {
			l.resign.err = fmt.Errorf("leader: the lease was not given back, and runs out: %w", err)
		}
		close(l.resign.done)
		l.resign = nil
	}
}
