package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// The kinds of wishes (lease.Ask) that the holder of a seat acts on, as [Drain] and [Resume] say. They need no For.
const (
	WishDrain  = "drain"
	WishResume = "resume"
)

// wishMove is the kind that the coordinator acts on.
const wishMove = "move"

// Move pins a part to a node, which is named by its ID ([WithNodeID]). The part goes there at once if the node has room; if not, when the
// fleet is calm, in exchange for a part that is not pinned there. It stays while the node is there and does not drain, and is not moved for
// balance. When the node is gone, the part goes to another node; it comes back once the node is back and the fleet is calm. With an empty
// node, Move removes the pin, and the part stays where it is until balance moves it. A part that leaves the list loses its pin.
//
// Move asks the coordinator by a wish in its lease, and returns nil when the plan has the pin. The part may be on its way then: see Inspect.
// If ctx ends first, the error wraps its cause, and the pin may still come.
//
// The error is a lease.ErrInvalid if the fleet has no such part, if no node of that name has a seat and takes parts, if both names are
// too long for a wish (254 bytes together, escaped as in a URL's query), or if the plan has no room for another pin: it has at most 4,096,
// and 8 KiB of their names, packed. It is a lease.ErrRefused if nobody coordinates when Move is called, if the coordinator
// is late with its renewal or its program knows no pins, or if another wish stands for three renewals; a lease.ErrHeld if another node
// coordinates by now: try again. It is a lease.ErrRecord if the plan cannot be read.
func Move(ctx context.Context, m lease.Manager, fleet, part, node string) error {
	o, err := Inspect(ctx, m, fleet)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(o.Parts, func(p PartInfo) bool { return p.Part == part })
	switch {
	case i < 0:
		return errNoPart(fleet, part)
	case o.Parts[i].Pinned == node && (node == "" || o.Parts[i].Node == node):
		return nil
	case node != "" && !slices.ContainsFunc(o.Nodes, func(n NodeInfo) bool { return n.Node == node && n.takes() }):
		return fmt.Errorf("%w: no node %q of fleet %q can take part %q: there are %s", lease.ErrInvalid, node, fleet, part, o.takers())
	}
	w := lease.Wish{Kind: wishMove, For: movesTo(pin{part, node})}
	if err := o.fits(pin{part, node}, w); err != nil {
		return fmt.Errorf("%w: fleet %q: pin part %q to node %q: %w", lease.ErrInvalid, fleet, part, node, err)
	}
	office := o.Coordinator
	if err := ask(ctx, m, office, w); err != nil { // also if it is pinned there: it is to go there now
		return err
	}
	asked := moving{m: m, pin: pin{part, node}, wish: w, of: office, times: 1}
	return until(ctx, m, office, []string{fleet}, fmt.Sprintf("the coordinator %q of fleet %q was asked, and its plan does not have it yet", office.Holder, fleet), func() (bool, error) {
		return asked.done(ctx)
	})
}

// A moving is a pin that a coordinator was asked for.
type moving struct {
	m lease.Manager
	pin
	wish  lease.Wish
	of    lease.Info // the coordinator's lease
	times int        // how often this coordinator was asked
}

// mostAsks is how often one coordinator is asked: it may drop a wish that it has found shortly before it publishes the plan, or if it cannot.
const mostAsks = 3

// done reports whether the plan has the pin. If the wish is gone, its coordinator may have died or left, and the next one is asked.
func (a *moving) done(ctx context.Context) (bool, error) {
	now, err := lease.Inspect(ctx, a.m, a.of.Name)
	if err != nil {
		return false, err
	}
	p, err := decodePlan(now.Value)
	if err != nil {
		return false, err
	}
	e, found := p.find(a.Part)
	switch {
	case p.pinned(a.Part) == a.Node:
		return true, nil
	case !found || e.Off:
		return false, errNoPart(a.of.Name, a.Part)
	case now.Wish.Kind != "", now.State != lease.Held: // the next coordinator is asked
		return false, nil
	case now.ID != a.of.ID:
		a.of, a.times = now, 0
	case a.times == mostAsks:
		return false, fmt.Errorf("%w: fleet %q: pin part %q to node %q: the plan has no room for it, as the log of the coordinator %q says",
			lease.ErrInvalid, a.of.Name, a.Part, a.Node, now.Holder)
	}
	a.times++
	err = ask(ctx, a.m, now, a.wish)
	if why, is := errors.AsType[*lease.RefusedError](err); is && why.Reason == lease.RefusedFree {
		err = nil // it has left meanwhile
	}
	return false, err
}

func errNoPart(fleet, part string) error {
	return fmt.Errorf("%w: fleet %q has no part %q", lease.ErrInvalid, fleet, part)
}

// Drain asks the node in a seat to give its parts to others and to take none, until Resume or the end of its Run. The node goes on holding
// its seat, and may coordinate. Drain returns nil when the node has no part any more. If ctx ends first, the error wraps its cause, and the
// node goes on draining if it was asked. A node that drains since it is unhealthy is asked all the same, and keeps its seat then, too. Parts
// for which no other node has room are nobody's. Like Move and Resume, Drain looks four times in an interval, and at once when the manager
// tells of a change (lease.Watcher).
//
// The seat is that of Inspect's NodeInfo. The error is a lease.ErrRefused if nobody holds it, if its node is late with its renewal or its
// program cannot be drained, if another wish stands for three renewals, or if the node's session has ended before it was seen to act on the
// wish, so that the node may take parts in its next seat; and a lease.ErrHeld if another node has the seat by now.
func Drain(ctx context.Context, m lease.Manager, fleet string, seat int) error {
	first, err := lease.Inspect(ctx, m, SeatLease(fleet, seat))
	if err != nil {
		return err
	}
	if err := ask(ctx, m, first, lease.Wish{Kind: WishDrain}); err != nil {
		return err
	}
	d := draining{m: m, fleet: fleet, session: session{seat, first.Token}}
	return until(ctx, m, first, []string{first.Name, fleet}, fmt.Sprintf("the node %q in seat %d of fleet %q still has parts", first.Holder, seat, fleet), func() (bool, error) {
		return d.done(ctx)
	})
}

// A draining session was asked to drain.
type draining struct {
	m     lease.Manager
	fleet string
	session
	acts bool // it was seen that its node has found the wish
}

// done reports whether the session has nothing any more, or is over.
func (d *draining) done(ctx context.Context) (bool, error) {
	now, err := lease.Inspect(ctx, d.m, SeatLease(d.fleet, d.Seat))
	switch over := now.Token != d.Token || now.State == lease.Free; {
	case err != nil:
		return false, err
	case over && !d.acts:
		return false, fmt.Errorf("%w: the node in seat %d of fleet %q has left the seat, and was not seen to act on the wish: if it takes another seat, ask there", lease.ErrRefused, d.Seat, d.fleet)
	case over:
		return true, nil
	case now.Wish.Kind != WishDrain || now.Wish.State == lease.WishBegun:
		d.acts = true
	}
	office, err := lease.Inspect(ctx, d.m, d.fleet)
	if err != nil {
		return false, err
	}
	p, err := decodePlan(office.Value)
	if err != nil {
		return false, err
	}
	v, err := decodeSeat(now.Value)
	return d.acts && err == nil && v.Token == d.Token && v.Draining && !p.names(d.session), nil
}

// Resume asks a node that Drain has drained to take parts again. The node gives its seat back and takes a seat anew, perhaps the same one.
// Resume returns nil when the node has given its seat back; one that is unhealthy takes parts when it is healthy. The error is a lease.ErrInvalid if the node does not drain; the others are those
// of Drain.
func Resume(ctx context.Context, m lease.Manager, fleet string, seat int) error {
	name := SeatLease(fleet, seat)
	first, err := lease.Inspect(ctx, m, name)
	if err != nil {
		return err
	}
	if v, err := decodeSeat(first.Value); err == nil && first.State == lease.Held && !v.Draining {
		return fmt.Errorf("%w: the node %q in seat %d of fleet %q does not drain", lease.ErrInvalid, first.Holder, seat, fleet)
	}
	if err := ask(ctx, m, first, lease.Wish{Kind: WishResume}); err != nil {
		return err
	}
	return until(ctx, m, first, []string{name}, fmt.Sprintf("the node %q has not given seat %d of fleet %q back yet", first.Holder, seat, fleet), func() (bool, error) {
		now, err := lease.Inspect(ctx, m, name)
		return err == nil && (now.ID != first.ID || now.State == lease.Free), err
	})
}

// fits returns why the wish for a pin, or the plan with it, would be too long; nil if neither is.
func (o Overview) fits(new pin, w lease.Wish) error {
	if len(w.For) > lease.MaxName {
		return fmt.Errorf("the two names have %d bytes, escaped as in a URL's query, and %d at most can be asked for", len(w.For)-1, lease.MaxName-1)
	}
	if new.Node == "" {
		return nil
	}
	pins := []pin{new}
	for _, p := range o.Parts {
		if p.Pinned != "" && p.Part != new.Part {
			pins = append(pins, pin{p.Part, p.Pinned})
		}
	}
	return roomFor(pins)
}

// takes reports whether a node can be given parts, as far as its seat tells.
func (n NodeInfo) takes() bool { return n.State == lease.Held && n.Err == nil && !n.Draining }

// takers names the nodes that can be given parts.
func (o Overview) takers() string {
	var names []string
	for _, n := range o.Nodes {
		if n.takes() {
			names = append(names, fmt.Sprintf("%q", n.Node))
		}
	}
	if names == nil {
		return "none that can"
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
}

// movesTo returns the text of the wish for a pin: "7=node-b", or "7=".
func movesTo(p pin) string { return url.QueryEscape(p.Part) + "=" + url.QueryEscape(p.Node) }

// parseMove reads what movesTo has written.
func parseMove(text string) (pin, error) {
	part, node, found := strings.Cut(text, "=")
	part, err1 := url.QueryUnescape(part)
	node, err2 := url.QueryUnescape(node)
	if err := errors.Join(err1, err2); err != nil || !found {
		return pin{}, fmt.Errorf("fleet: somebody asks for a move, and %q does not say which", text)
	}
	return pin{part, node}, nil
}

// patientRenewals is how many renewals of a holder are waited for while another wish stands: one finds it, and the next drops it.
const patientRenewals = 3

// ask writes a wish into the record of the lease that was seen. While another one stands there, it tries again.
func ask(ctx context.Context, m lease.Manager, seen lease.Info, w lease.Wish) error {
	var refused error
	h := host.From(ctx)
	for began := h.Read().Mono; ; {
		refused = lease.Ask(ctx, m, seen, w)
		why, is := errors.AsType[*lease.RefusedError](refused)
		if !is || why.Reason != lease.RefusedPending || h.Read().Mono-began > patientRenewals*every(seen) {
			return refused
		}
		if err := pauseFor(ctx, every(seen)/4, nil); err != nil {
			return errors.Join(refused, err)
		}
	}
}
