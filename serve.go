package leader

import (
	"context"
	"errors"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// Serve lets calls of WhileLeading run until ctx ends. Then it lets no more begin, waits for those that are under way, and
// returns ctx's cause. It is a work by itself, or the last part of one. The lease is kept until the work has returned, so all
// calls are finished before another node can lead.
//
//	leader.WhenStarted(leader.Serve)
//
// A work prepares what the calls need before Serve, and closes it after Serve: no call runs before the one or after the other.
//
//	leader.WhenStarted(func(ctx context.Context) error {
//		db, err := open(ctx) // claim with the term's token, then read
//		if err != nil {
//			return err
//		}
//		defer db.Close()
//		return leader.Serve(ctx)
//	})
//
// ctx is the work's, or derived from it. In a test, leadertest makes a context that carries a term without a Leader: with that,
// Serve only waits until it ends. With a context that carries no term, Serve returns an error at once.
func Serve(ctx context.Context) error {
	term, ok := TermFrom(ctx)
	if !ok {
		return errors.New("leader: Serve: the context is not that of a leader's work")
	}
	if l, ok := ctx.Value(workOf{}).(*Leader); ok {
		d := &door{ctx: ctx, term: term}
		l.open(d)
		defer d.calls.Wait()
		defer l.close(d)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// WhileLeading returns ErrNotLeading instead of calling its function.
var ErrNotLeading = errors.New("leader: this node does not lead, or its work does not serve")

// WhileLeading calls do as a part of this node's work, in the caller's goroutine, and returns what it returns. If this node
// does not lead, or its work is not in Serve, it does not call do, and returns ErrNotLeading at once. To answer HTTP requests
// by it, use package leaderhttp.
//
// The context of do has the values of ctx, and carries the term as the work's does. It ends with ctx, and with the context of
// Serve: when the term ends, and as soon as the work is to return. do must return soon after that, as a work must: the
// lease is not released before, and WithStopTimeout bounds do, too. Protect the effects of do like those of the work: by the
// term's Check right before each, and by its token. If do panics, the panic goes on in the caller.
func (l *Leader) WhileLeading(ctx context.Context, do func(ctx context.Context) error) error {
	d := l.enter()
	if d == nil {
		return ErrNotLeading
	}
	defer d.calls.Done()
	ctx = context.WithValue(lease.WithTerm(ctx, d.term), valuesOf{}, d.ctx.Value(valuesOf{}))
	ctx, cancel := context.WithCancelCause(l.inside(ctx))
	defer cancel(nil)
	defer context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })()
	return do(ctx)
}

// A door lets calls into a work that is in Serve. A call that is let in has been counted before the door is closed.
type door struct {
	ctx   context.Context // of Serve
	term  lease.Term
	calls sync.WaitGroup
}

func (l *Leader) open(d *door) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.door = d
}

func (l *Leader) close(d *door) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.door == d { // else the work is in another Serve, too
		l.door = nil
	}
}

// enter returns the door that a call was let in by; nil: by none. Its calls are to be told when it is done.
func (l *Leader) enter() *door {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.door // which close has not taken away yet, so that nobody waits for its calls before this one counts
	if d == nil || d.ctx.Err() != nil || d.term.Check() != nil {
		return nil
	}
	d.calls.Add(1)
	return d
}

// workOf is the key by which the context of a work says which Leader's it is: the innermost one's.
type workOf struct{}

// inside is a context that says whose work it is the context of.
func (l *Leader) inside(ctx context.Context) context.Context {
	return context.WithValue(context.WithValue(ctx, workOf{}, l), insideOf{l}, true)
}
