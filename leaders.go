package leader

import (
	"context"
	"iter"

	"github.com/cloudlease/leader/lease"
)

// WaitForLeader waits until a node leads, and returns the lease as that node holds it: the holder's name, its token, and its attributes, such
// as an address. It returns at once if a node leads already, and the cause of ctx if that ends first. It knows as much as Leaders does.
func (l *Leader) WaitForLeader(ctx context.Context) (lease.Info, error) {
	for info := range l.Leaders(ctx) {
		if info.State == lease.Held && !info.Broken {
			return info, nil
		}
	}
	return lease.Info{}, context.Cause(ctx)
}

// Leaders tells who leads, now and at each change of the leader or of its attributes, until ctx ends or the loop is left:
//
//	for info := range l.Leaders(ctx) {
//		if info.State == lease.Held {
//			connect(info.Attributes["addr"])
//		}
//	}
//
// A node leads if the State is lease.Held and the lease was not Broken; else nobody does. Leaders sends no requests, but tells what this
// node has heard while Run, RunOnce or Acquire runs: a standby looks once in an acquire interval, and a leader knows. So it may be late by
// that much, and leave out a term that was over sooner: use it to find the leader, and let the leader's own Check and token decide.
func (l *Leader) Leaders(ctx context.Context) iter.Seq[lease.Info] {
	return func(yield func(lease.Info) bool) {
		seen, known, news := l.board.seen()
		var told lease.Info
		for first := true; ; known = true { // a change is news also when Run has ended since
			if known && (first || tellsMore(told, seen)) {
				told, first = copied(seen), false
				if !yield(seen) {
					return
				}
			}
			select {
			case <-news:
				seen, _, news = l.board.seen()
			case <-ctx.Done():
				return
			}
		}
	}
}
