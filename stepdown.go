package leader

import (
	"context"
	"fmt"
)

// resigning is what StepDown has asked for: the term that is being led, or asked for, is to end.
type resigning struct {
	asked chan struct{} // closed at once
	done  chan struct{} // closed when the lease is given back or given up, or was not got
	err   error         // set before done is closed: why the lease was not given back
}

// StepDown makes this node give the lease up if it leads, or is about to: its work is cancelled with ErrStepDown as the
// cause, and the lease is released once it has returned. Then the node sits out one lease length, so that another may lead,
// and campaigns again. StepDown returns when the lease is released, or when ctx ends, with its cause. If the release is not
// acknowledged, it returns the reason: the lease then runs out. Called with the context of the work itself, it does not
// wait. If this node does not lead, there is nothing to do.
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

// askToResign returns nil if this node neither leads nor may be about to.
func (l *Leader) askToResign() *resigning {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term == nil && !l.asking {
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

func newResigning() *resigning {
	return &resigning{asked: make(chan struct{}), done: make(chan struct{})}
}

// startsAsking notes that an answer may make this node lead.
func (l *Leader) startsAsking() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking = true
}

// leads notes the term that is being led from now on. It returns what is closed when StepDown is called, or was since the
// lease was asked for.
func (l *Leader) leads(t *term) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking, l.term = false, t
	if l.resign == nil {
		l.resign = newResigning()
	}
	return l.resign.asked
}

// leadsNoMore notes that no term is being led, nor asked for; err is why the lease was not given back.
func (l *Leader) leadsNoMore(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking, l.term = false, nil
	if l.resign != nil {
		if err != nil {
			l.resign.err = fmt.Errorf("leader: step down: the lease was not given back, and runs out: %w", err)
		}
		close(l.resign.done)
		l.resign = nil
	}
}
