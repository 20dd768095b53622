package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plans are a chain (F4), unless somebody edits or deletes the record of the office. What this file does then is slow, and safe: a plan that
// is not of the chain counts for nothing, so that the nodes which have read a newer one end their sessions (F8). A coordinator that
// has proof of a newer epoch begins above it, so that tokens go on growing, with all parts nobody's, until the nodes have read
// that. What they have not stopped by then, they give, as in a chain.

// readOlder goes on after a plan that is older than one that this node has read, or another one of the same epoch. It counts for nothing: while
// it stands in the record, this node reads no plan, and ends its session (F8).
func (n *node) readOlder(p *plan) {
	n.older = errRolledBack(p.Epoch, n.plan.Epoch)
	if o := n.office; o != nil && o.base.Epoch >= n.plan.Epoch && !o.isOver() {
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
	o.since = epoch + 1
	o.doubt = n.now() + n.opts.length + n.opts.interval
	n.beginChain(o)
}

// beginChain publishes a plan in which every part is nobody's.
func (n *node) beginChain(o *office) {
	n.advance(o, n.situation(o), true) // it is no time to hand out
}

// mayHandOut reports whether the plan names each session that works on a part that is nobody's. In a chain that is sure. After a broken one,
// each session has to acknowledge a plan of the new chain, or to be over: from then on it says which works it is stopping, and the plan has
// them (draft.adopt). A session that the coordinator does not know of reads no plan, and ends (F8).
func (n *node) mayHandOut(o *office, now time.Duration) bool {
	if now < o.doubt {
		o.ripe = min(o.ripe, o.doubt)
		return false
	}
	newest, none := uint64(0), true
	for _, e := range o.base.Parts {
		if e.Owner.nobody() && e.From.nobody() {
			newest, none = max(newest, e.Token), false
		}
	}
	if none {
		newest = o.since // a list that comes late, or grows, may have what old works go on with
	}
	for k, v := range o.seats {
		if s := v.sitting(k); s != (session{}) && !o.facts.isOver(s) && v.value.Epoch < newest {
			return false
		}
	}
	return true
}

// A claim is a part that a session says it is stopping, though the plan names it neither as the owner nor as the giver.
type claim struct {
	part string
	session
}

// claims returns those of all sessions that sit, sorted. In a chain there is none: the plan that takes a part away names the giver.
func (o *office) claims() (all []claim) {
	for k, v := range o.seats {
		s := v.sitting(k)
		if s == (session{}) || o.facts.isOver(s) {
			continue
		}
		for part := range o.facts.stopping(s) {
			if e, found := o.base.find(part); !found || e.Owner != s && e.From != s {
				all = append(all, claim{part, s})
			}
		}
	}
	slices.SortFunc(all, func(a, b claim) int { return cmp.Or(strings.Compare(a.part, b.part), a.compare(b.session)) })
	return all
}

// adopt makes the sessions the givers of what they claim (F3): nobody begins it before they have stopped. What the plan does not have comes
// off the list, until the list has it. Of several sessions, one after the other is the giver.
func (d draft) adopt(claims []claim) {
	if len(claims) == 0 {
		return
	}
	known := len(d.Parts)
	for i, c := range claims {
		at, found := slices.BinarySearchFunc(d.Parts[:known], c.part, entry.compare)
		switch {
		case found && d.Parts[at].From.nobody() && d.Parts[at].Owner != c.session:
			d.Parts[at].From = c.session
		case !found && (i == 0 || claims[i-1].part != c.part):
			d.Parts = append(d.Parts, entry{Part: c.part, Token: d.Epoch, From: c.session, Off: true})
		}
	}
	slices.SortFunc(d.Parts, func(e, f entry) int { return e.compare(f.Part) })
}
