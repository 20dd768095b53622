package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// WithWake adds a way for this node to learn soon of what the others have written, beside the lease manager's, if it has one
// (lease.Watcher). If all nodes have one, a part that moves stands still for one or two tenths of an interval. It may be given several times.
// leaderhttp.Follow is such a way: each node publishes its address with WithAttributes and serves leaderhttp.FleetHandler.
//
// Each node calls wait for the coordinator's lease, and the coordinator calls it for each seat that is held, in a goroutine for each, with the
// lease as the latest look showed it. wait returns nil as soon as the lease may have changed since: its holder, or its value. It returns an
// error if it cannot tell. Its context ends when a look shows another term or other attributes. After nil, the node looks at the lease soon,
// and then calls wait again. After an error it calls wait again after an interval. The first error is logged.
//
// A hint decides nothing: it makes a node look sooner than it would have done, at each lease at most once in a tenth of the interval.
// So wait may be wrong, hang or panic: safety never depends on it. Run does not wait for it at its end.
func WithWake(wait func(ctx context.Context, seen lease.Info) error) Option {
	return option("WithWake", func(o *options) { o.wakes = append(o.wakes, wait) })
}

// hinted lets this node look soon at the leases that it holds, and at the coordinator's.
func (n *node) hinted() {
	n.campaigner.Hint()
	if n.seat != nil {
		n.seat.leader.Hint()
	}
}

// wakeOptions are those of the campaign for the office: by them a node learns of plans.
func (o *options) wakeOptions() (all []leader.Option) {
	for _, wait := range o.wakes {
		all = append(all, leader.WithWake(wait))
	}
	return all
}

// A vigil is the coordinator's wait at one seat, by one of the ways of WithWake. The user's code may hang; so a node has at most one for
// each seat and way, also over several terms of office.
type vigil struct {
	office *office // for which it waits
	id     string  // of the seat's term that was seen
	attrs  map[string]string
	leave  context.CancelFunc
	next   time.Duration // when wait may be called again
	waits  bool          // wait was called, and has not returned
}

// place is where a vigil is: a seat, and a way to wait there.
type place struct{ seat, way int }

// waitAtSeats has the coordinator wait at each seat that is held, by each way of WithWake.
func (n *node) waitAtSeats(o *office) {
	if len(n.opts.wakes) == 0 {
		return
	}
	for k, view := range o.seats {
		if !view.known {
			continue
		}
		for way := range n.opts.wakes {
			at := place{k, way}
			v := n.vigils[at]
			if v == nil {
				v = &vigil{}
				n.vigils[at] = v
			}
			n.keepVigil(o, at, v, view.info)
		}
	}
}

// keepVigil calls wait, unless it is called already or it is too soon, and ends the context of a call that waits for what is over.
func (n *node) keepVigil(o *office, at place, v *vigil, seen lease.Info) {
	held := seen.State == lease.Held && !seen.Broken
	switch {
	case v.waits && (!held || v.office != o || v.id != seen.ID || !maps.Equal(v.attrs, seen.Attributes)):
		v.leave()
	case v.waits || !held:
	case n.now() < v.next:
		n.wakeAt(v.next)
	default:
		n.beginVigil(o, at, v, seen)
	}
}

func (n *node) beginVigil(o *office, at place, v *vigil, seen lease.Info) {
	ctx, leave := n.duringOffice(o)
	v.office, v.id, v.attrs, v.leave, v.waits = o, seen.ID, seen.Attributes, leave, true
	v.next = n.now() + n.opts.interval/hintsPerInterval
	seen.Attributes = maps.Clone(seen.Attributes)
	go func() { // Run does not wait for it
		err := errGoneSilent
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("it panicked: %v", p)
			}
			over := ctx.Err() != nil
			leave()
			n.inbox.post(func() { n.woken(at, v, over, err) })
		}()
		err = n.opts.wakes[at.way](ctx, seen)
	}()
}

// woken looks at the seat of which wait has told. What it says of a term that is over counts for nothing.
func (n *node) woken(at place, v *vigil, over bool, err error) {
	v.waits = false
	o := v.office
	switch {
	case over || n.office != o:
	case err == nil:
		n.lookByHint(o, at.seat)
	default:
		v.next = n.now() + n.opts.interval
		if !n.unwoken[at.way] {
			n.unwoken[at.way] = true
			n.trouble("waiting at the seats (WithWake)", err)
		}
	}
}

var errGoneSilent = errors.New("it has ended its goroutine")
