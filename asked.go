package leader

import (
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// heeds are the kinds of wishes that a leader acts on, but for a RunOnce.
var heeds = []string{lease.WishHandover}

// hints are those of Hint, while a renewal would be news: one in flight may have been sent before, and after a failure the next comes by R4 alone.
func (h *holding) hints() <-chan struct{} {
	if h.pending != nil || h.failures > 0 {
		return nil
	}
	return h.run.leader.hints
}

// hinted lets the next renewal come soon: it finds what somebody asks of this node.
func (h *holding) hinted() {
	if soon := h.soonest(h.opts.renewEvery / wakesPerInterval); soon < h.next.at {
		h.next = h.run.scheduled(soon)
	}
}

// heedWish acts on what somebody asks of this node through the lease's record, as the latest renewal found it: it hands the lease over, as
// StepDown with To does. A hand-over to this node itself is dropped by the next renewal.
func (h *holding) heedWish() {
	w, before := h.held.Wish, h.wish
	h.wish = w
	if w.Kind != lease.WishHandover || w.State != lease.WishBegun {
		return
	}
	var refused error
	if w.For == h.opts.node {
		refused = fmt.Errorf("leader: hand over: %w: the next node, %q, is this one", lease.ErrInvalid, w.For)
		h.held.Wish = lease.Wish{}
	}
	if w == before {
		return
	}
	h.published()
	h.run.emit(WishEvent{Origin: h.run.origin(), Token: h.held.Token, Wish: w, Refused: refused})
	if refused == nil {
		h.run.leader.askToResign(w.For)
	}
}
