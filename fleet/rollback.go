package fleet

import (
	"fmt"
	"slices"
	"time"
)

// Plans are a chain (F4), unless somebody edits or deletes the record of the office. What this file does then is slow, and safe: a plan that
// is not of the chain counts for nothing, so that the nodes which have read a newer one end their sessions (F8). A coordinator that
// has proof of a newer epoch begins above it, so that tokens go on growing, with all parts nobody's, until the nodes have stopped.

// readOlder goes on after a plan that is older than one that this node has read, or another one of the same epoch. It counts for nothing: while
// it stands in the record, this node reads no plan, and ends its session (F8).
func (n *node) readOlder(p *plan) {
	n.older = errRolledBack(p.Epoch, n.plan.Epoch)
	if o := n.office; o != nil && o.base.Epoch >= n.plan.Epoch {
		n.trouble("reading the plan", n.older)
		again := o.base.clone()
		again.Epoch++
		if err := n.publish(o, again); err != nil {
			n.trouble("publishing the plan", err)
		}
	}
}

func errRolledBack(found, known uint64) error {
	return fmt.Errorf("fleet: there is a plan of epoch %d, which is not of the chain of the plan of epoch %d: somebody has edited or deleted the record of the coordinator's office", found, known)
}

// proves takes the proof that there was a plan of this epoch. If the coordinator's own is older, the chain is broken.
func (n *node) proves(o *office, epoch uint64) {
	if epoch <= o.base.Epoch {
		return
	}
	n.trouble("coordinating", errRolledBack(o.base.Epoch, epoch))
	width := o.base.Width
	if n.plan != nil {
		width = max(width, n.plan.Width)
	}
	o.base = &plan{Epoch: epoch, Width: width} // what was pinned is forgotten, too
	o.doubt = n.now() + n.opts.length + n.opts.interval
	n.beginChain(o)
}

// beginChain publishes a plan in which every part is nobody's.
func (n *node) beginChain(o *office) {
	n.advance(o, n.situation(o), true) // it is no time to hand out
}

// mayHandOut reports whether no session works on a part that is nobody's. In a chain that is sure. After a broken one, each session has
// to acknowledge a plan of the new chain, or to be over; one that the coordinator does not know of reads no plan, and ends (F8).
func (n *node) mayHandOut(o *office, now time.Duration) bool {
	if now < o.doubt {
		o.ripe = min(o.ripe, o.doubt)
		return false
	}
	newest := uint64(0)
	for _, e := range o.base.Parts {
		if e.Owner.nobody() && e.From.nobody() {
			newest = max(newest, e.Token)
		}
	}
	for k, v := range o.seats {
		s := v.sitting(k)
		unstopped := func(part string) bool { // of which the plan does not know that the session works on it
			e, found := o.base.find(part)
			return found && e.From.nobody()
		}
		if s != (session{}) && !o.facts.isOver(s) && (v.value.Epoch < newest || slices.ContainsFunc(v.value.Stopping, unstopped)) {
			return false
		}
	}
	return true
}
