package fleet

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A peeking is a series of looks that a move is waiting for: at most four in an interval, for three intervals (F7).
type peeking struct {
	epoch uint64
	left  int
	next  time.Duration
	pace  time.Duration
}

// mostPeeks is how many looks a move is worth: four in each of three intervals.
const mostPeeks = 12

func (p *peeking) begin(epoch uint64, now, pace time.Duration) {
	*p = peeking{epoch: epoch, left: mostPeeks, next: now + pace/2, pace: pace}
}

// due reports whether a look is due, and counts it.
func (p *peeking) due(n *node) bool {
	if p.left == 0 {
		return false
	}
	if n.now() < p.next {
		n.wakeAt(p.next)
		return false
	}
	p.left--
	p.next = n.now() + p.pace
	if p.left > 0 {
		n.wakeAt(p.next)
	}
	return true
}

// patience is how long one look may take: not quite an interval, so that the next one finds nothing in flight.
func (n *node) patience() time.Duration { return n.opts.interval - n.opts.interval/16 }

// peekFor has this node look at the plan more often, since a part is to come with one of the next plans, or to go.
// It reports whether it still does for this plan.
func (n *node) peekFor(epoch uint64) bool {
	if n.peek.epoch != epoch || n.peek.pace == 0 {
		n.peek.begin(epoch, n.now(), n.pace())
	}
	return n.peek.left > 0 && n.office == nil
}

// peekOn looks at the plan. The coordinator makes it, and need not look.
func (n *node) peekOn() {
	epoch := uint64(0) // of no plan: a newcomer waits for the first one
	if n.plan != nil {
		epoch = n.plan.Epoch
	}
	if n.peek.epoch != epoch || n.office != nil || !n.peek.due(n) {
		return
	}
	n.running.Go(func() {
		ctx, cancel := host.WithTimeout(n.life, n.patience())
		defer cancel()
		_, _ = n.reader.Inspect(ctx, n.opts.name) // an error changes nothing: the next poll comes
	})
}
