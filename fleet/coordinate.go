package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// sees takes what a look at a seat has shown: facts about the sessions that the plan names there, and who sits there now.
func (n *node) sees(o *office, k int, info lease.Info, sent time.Duration) {
	v := o.view(k)
	last, known := session{Seat: k, Token: v.info.Token}, v.known
	for _, s := range o.named[k] {
		n.concludes(o, s, info, sent)
	}
	if known && !slices.Contains(o.named[k], last) {
		n.concludes(o, last, info, sent)
	}
	value, err := v.value, v.err
	if !v.known || v.info.Value != info.Value { // most looks show what the one before has shown
		value, err = decodeSeat(info.Value)
	}
	bound := err == nil && value.Token == info.Token && info.State != lease.Free
	if bound {
		o.facts.acknowledges(session{Seat: k, Token: info.Token}, value)
	}
	v.reports(n, k, info, err)
	if err == nil {
		n.proves(o, value.Epoch)
	}
	// Versions have no order, and tokens have: a smaller one, or the state before a release, comes late.
	late := v.known && (info.Token < v.info.Token || info.Token == v.info.Token && v.info.State == lease.Free)
	if late {
		return
	}
	was := v.sitting(k)
	if !v.known || v.info.Token != info.Token || v.info.State != info.State || v.info.Broken != info.Broken || v.bound != bound || !v.value.says(value) {
		o.stale = true
	}
	v.info, v.value, v.err, v.bound, v.known = info, value, err, bound, true
	now := v.sitting(k)
	if was == now {
		return
	}
	o.changed = n.now()
	if now != (session{}) && !slices.Contains(o.base.Seated, now) {
		o.joined = n.now()
	}
}

// concludes takes what a look at the seat of a session has shown of it.
func (n *node) concludes(o *office, s session, info lease.Info, sent time.Duration) {
	o.facts.sees(s, info)
	if o.facts.misses(s, info, sent, n.now(), n.opts.length) {
		n.trouble("looking at the seats", errEdited(s, info))
		o.view(s.Seat).known, o.stale = false, true // what the seat shows counts from now on
	}
}

// reports tells once that a seat's value is none. Its session keeps what it has, and is given nothing until it says its own again (F9).
func (v *seatView) reports(n *node, k int, info lease.Info, err error) {
	damage := ""
	if err != nil && !errors.Is(err, errNoSeatValue) && info.State != lease.Free {
		damage = err.Error()
	}
	if damage != "" && damage != v.damage {
		n.trouble(fmt.Sprintf("looking at seat %d", k), err)
	}
	v.damage = damage
}

// sitting returns the session that the seat's latest look shows; zero if it shows none.
func (v *seatView) sitting(k int) session {
	if !v.known || v.info.State != lease.Held || v.info.Broken || !v.bound {
		return session{}
	}
	return session{Seat: k, Token: v.info.Token}
}

// sweep takes a seat that has run out, and gives it back: so its session is over by what the store says (F3a). That is two
// conditional writes, and never wrong.
func (n *node) sweep(o *office, k int) {
	v := o.view(k)
	if v.sweeps {
		return
	}
	v.sweeps = true
	n.running.Go(func() {
		swept, err := n.takeAndGiveBack(o.ctx, k)
		n.inbox.post(func() {
			v.sweeps = false
			switch {
			case n.office != o || o.isOver():
				return
			case swept.Token == 0:
				if err != nil && !errors.Is(err, lease.ErrHeld) {
					n.trouble("sweeping a seat", err)
				}
				return
			}
			n.sees(o, k, lease.Info{Name: swept.Name, State: lease.Free, Token: swept.Token, Value: swept.Value}, n.now())
			o.news = true
		})
	})
}

func (n *node) takeAndGiveBack(ctx context.Context, k int) (lease.Lease, error) {
	tries, cancel := host.WithTimeout(ctx, n.opts.interval)
	defer cancel()
	swept, err := n.opts.manager.Acquire(tries, n.opts.request(SeatLease(n.opts.name, k)))
	if err != nil {
		return lease.Lease{}, err
	}
	// The token proves what is to be proven. If the release fails, the seat runs out, and is swept again.
	giveBack, cancel := host.WithTimeout(n.late, n.opts.limits.WriteEvery+n.opts.interval)
	defer cancel()
	untilWritable(giveBack, n.opts.manager)
	_ = n.opts.manager.Release(giveBack, swept)
	return swept, nil
}

// decide makes the next plan of the one that was sent last, and publishes it, unless nothing changes. It does nothing if nothing has
// been learned since: that must not cost more, the more parts there are.
func (n *node) decide(o *office) {
	if !o.stale && n.now() < o.ripe {
		return
	}
	unplaced := n.advance(o, n.situation(o), false)
	o.moves, o.stale = nil, false
	if !slices.Equal(unplaced, o.unplaced) {
		o.unplaced = unplaced
		n.emit(UnplacedEvent{Origin: n.origin(), Parts: slices.Clone(unplaced)})
	}
	o.prune()
}

// situation tells assign all that it needs to know beside the plan.
func (n *node) situation(o *office) situation {
	now := n.now()
	handOut, calm := min(o.joined+n.opts.interval, o.gathers+n.opts.length), o.changed+n.opts.calm
	o.ripe = never
	for _, at := range []time.Duration{handOut, calm} {
		if now < at {
			o.ripe = min(o.ripe, at)
		}
	}
	s := situation{
		Parts: o.listing.parts, HasList: len(o.listing.parts) > 0, Version: n.opts.version, Width: o.base.Width,
		Over: o.facts.isOver, Stopped: o.facts.stopped, Claims: o.claims(), Unplaced: o.unplaced, Moves: o.moves,
		Balance: now >= calm,
		HandOut: now >= handOut && n.mayHandOut(o, now),
	}
	held := 0
	for k := 1; k <= o.base.Width; k++ {
		v := o.seats[k]
		if v == nil || !v.known {
			if slices.ContainsFunc(o.base.Seated, func(s session) bool { return s.Seat == k }) {
				held++ // as far as we know
			}
			continue
		}
		if v.info.State != lease.Free {
			held++
		}
		sits := v.sitting(k)
		if sits == (session{}) || o.facts.isOver(sits) {
			continue
		}
		s.Seated = append(s.Seated, sits)
		s.Members = append(s.Members, member{session: sits, Node: v.value.Name, Weight: v.value.Weight, Capacity: v.value.Capacity, Draining: o.facts.drains(sits)})
	}
	s.Width = widthFor(o.base.Width, held)
	return s
}

// manySeats are so many that nodes which find none free are a crowd.
const manySeats = 16

// widthFor doubles the width when fewer than two seats, or a tenth, are free, and once more when none of many is: a crowd comes, and
// each step costs it time (F9). It never shrinks.
func widthFor(width, held int) int {
	if held >= width && width >= manySeats {
		width = min(4*width, maxWidth)
	}
	for width < maxWidth && width-held < max(2, (width+9)/10) {
		width *= 2
	}
	return width
}

// publish sends a plan: the coordinator's next one will be made of it, acknowledged or not (F4). One that does not fit is not sent.
func (n *node) publish(o *office, p *plan) error {
	text, err := encodePlan(p)
	if err == nil {
		err = n.opts.limits.CheckValue(text)
	}
	if err != nil {
		return err
	}
	n.tellMoves(o.base, p)
	if p.Width > o.base.Width && o.base.Width >= manySeats {
		o.gathers = n.now() // those who wait for a seat have one within a lease length
	}
	awaited := p.givers()
	seats := o.base.Width
	if o.base.Epoch == 0 { // the fleet begins: its first nodes are there, or come soon
		seats = 0
	}
	for k := seats + 1; k <= p.Width; k++ { // nodes wait for the seats that are new
		awaited[k] = true
	}
	moved := o.base.givers()
	o.base = p
	o.named = p.sessionsBySeat()
	n.watchSeats(o)
	o.teller.tell(text, true)
	if len(awaited) > 0 {
		o.awaited = awaited
		o.hurry.begin(p.Epoch, n.now(), n.pace())
	} else { // nodes may still come to new seats
		maps.DeleteFunc(o.awaited, func(k int, _ bool) bool { return moved[k] })
	}
	return nil
}

// hurryOn looks at the seats that a plan waits for: the givers' while parts move, and new ones (F7).
func (n *node) hurryOn(o *office) {
	if len(o.awaited) == 0 || !o.hurry.due(n) {
		return
	}
	for k := range o.awaited {
		n.look(o, k, 0)
	}
}

// prune forgets what is known of sessions that nothing names any more.
func (o *office) prune() {
	named := map[session]bool{}
	for _, sessions := range o.named {
		for _, s := range sessions {
			named[s] = true
		}
	}
	for k, v := range o.seats {
		named[session{Seat: k, Token: v.info.Token}] = true
	}
	o.facts.keep(func(s session) bool { return named[s] })
}
