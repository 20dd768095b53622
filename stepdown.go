package leader

import (
	"context"
	"fmt"
)

// resigning is a StepDown under way: the term that this node leads, or asks for, is to end.
type resigning struct {
	asked chan struct{} // closed at once
	done  chan struct{} // closed when the lease is released or left to run out, or was not acquired
	err   error         // set before done is closed: why the lease was not given back
}

// StepDown makes this node give the lease up if it leads, or is about to. The work's context is cancelled with ErrStepDown
// as the cause, and the lease is released once the work has returned. Then the node sits out one lease length, or
// an acquire interval and a request if that is longer, so that another node leads; it campaigns again as soon as it sees that
// another one has acquired the lease. StepDown returns nil when the lease is released, and the cause of ctx if that
// ends first. If the release is not acknowledged, it returns the reason: the lease then runs out. Called with the work's
// own context, it does not wait. If this node does not lead, it does nothing.
func (l *Leader) StepDown(ctx context.Context) error {
	r := l.askToResign()
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

// askToResign asks the current term to end. It returns nil if this node neither leads nor may be about to.
func (l *Leader) askToResign() *resigning {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.candidate {
		return nil
	}
	if l.resign == nil {
		l.resign = newResigning()
	}
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
