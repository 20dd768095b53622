package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// An office is a node's time as the coordinator: it looks at all seats of the width once in an interval, and publishes
// plans. It lasts for one term, and forgets everything with it (F4).
type office struct {
	ctx    context.Context
	teller *teller
	quit   chan struct{} // ends the term

	base  *plan             // the plan that this coordinator sent last; at first the one that it inherited (F4)
	named map[int][]session // that the base names, by seat
	facts *facts
	seats map[int]*seatView

	heard   time.Duration // when a look was last answered (F8)
	changed time.Duration // when a session was last seen to come or to go
	joined  time.Duration // when one was last seen to come
	gathers time.Duration // since when it waits for nodes to take seats: it took the office then, or made more seats of many
	doubt   time.Duration // until when nothing is handed out, since the chain of plans was broken
	since   uint64        // the oldest plan of which it is known that it is of this chain

	round    int           // the number of the latest round of looks
	next     time.Duration // when the next one begins
	waiting  int           // looks of this round that are not answered
	decideBy time.Duration // when to decide whatever is not answered; never: this round's decision was made
	ripe     time.Duration // when the plan may change by the passing of time alone
	stale    bool          // something was learned since the latest decision
	news     bool          // something was learned outside of a round, and the plan may change
	hurry    peeking       // looks at seats that a plan waits for
	awaited  map[int]bool  // these seats
	watched  int           // seats up to this one are watched, if the store can tell of changes
	listing  listing
	moves    []pin // what operators have asked for since the latest plan
	unplaced []string
}

// A seatView is the coordinator's knowledge of one seat.
type seatView struct {
	looking bool // a look is in flight
	unread  bool // the latest look has failed
	sweeps  bool // it is being taken over, to prove that its session is over
	known   bool
	info    lease.Info // as the latest look showed it
	value   seatValue  // decoded; bound says whether it is that of the token's session
	err     error      // of decoding it
	bound   bool
	damage  string        // why the value could not be decoded, as it was reported
	soon    time.Duration // when to look once more before the next round; 0: no need
	hinted  time.Duration // when a hint last caused a look, or is to cause the next one
}

// campaign asks for the office for as long as this node takes part.
func (n *node) campaign() {
	ctx, quit := context.WithCancel(n.life)
	n.quitting, n.campaigns = quit, true
	n.campaigner = leader.New(slices.Concat(n.leaderOptions(), n.opts.wakeOptions(), []leader.Option{
		leader.WithLeaseManager(n.reader),
		leader.WithLeaseName(n.opts.name),
		leader.WithAttributes(n.opts.attributes),
		leader.WhenStarted(n.preside),
	})...)
	n.running.Go(func() {
		defer quit()
		err := n.campaigner.Run(ctx)
		n.inbox.post(func() {
			n.campaigns = false
			if err != nil {
				n.fail(fmt.Errorf("fleet: %w", err))
			}
		})
	})
}

// shown passes a plan on that a request has shown.
func (n *node) shown(text string, sent time.Duration) { n.inbox.post(func() { n.read(text, sent) }) }

// preside is the work of the leader that holds the office.
func (n *node) preside(ctx context.Context) error {
	o := &office{ctx: ctx, quit: make(chan struct{}, 1), facts: newFacts(), seats: map[int]*seatView{}}
	o.teller = newTeller(func(err error) { n.inbox.post(func() { n.trouble("publishing the plan", err) }) })
	var err error
	switch text := leader.Value(ctx); {
	case text == "":
		o.base = &plan{Width: minWidth} // epoch 0: the first plan is made of it at once
	default:
		if o.base, err = n.opts.decode(text); err != nil {
			// F4: never replaced. The reader keeps this node from taking the office again while it stands.
			return leader.ErrStepDown
		}
	}
	n.inbox.post(func() { n.takeOffice(o) })
	defer n.inbox.post(func() { n.leaveOffice(o) })
	telling, stop := context.WithCancel(ctx)
	defer stop()
	go o.teller.run(telling)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-o.quit:
		return leader.ErrStepDown
	}
}

// duringOffice returns a context for a function of the user. It ends with the office, and does not carry the office's term: with that, the
// function could set the lease's value, and that is the plan.
func (n *node) duringOffice(o *office) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(n.life)
	stop := context.AfterFunc(o.ctx, func() { cancel(context.Cause(o.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (n *node) takeOffice(o *office) {
	now := n.now()
	o.gathers, o.heard, o.changed, o.joined, o.next, o.decideBy = now, now, now, now, now, never
	o.ripe, o.stale, o.since = never, true, o.base.Epoch
	o.named = o.base.sessionsBySeat()
	if o.awaited = o.base.givers(); len(o.awaited) > 0 { // F7: parts move since the time of another coordinator
		o.hurry.begin(o.base.Epoch, now, n.pace())
	}
	n.office = o
	n.watchSeats(o)
	term, _ := lease.TermFrom(o.ctx)
	n.emit(CoordinatorEvent{Origin: n.origin(), Token: term.Token(), Coordinates: true})
	if o.isOver() {
		return
	}
	if n.refreshList(o); o.base.Epoch == 0 { // F4: it inherits no value
		n.beginChain(o)
	}
	if n.plan != nil {
		n.proves(o, n.plan.Epoch)
	}
}

// isOver reports whether the term is over. After a sleep of the machine its context does not tell that at once, and Check does (R8): until the
// office is left, what others have published since would seem to be of another chain.
func (o *office) isOver() bool {
	term, held := lease.TermFrom(o.ctx)
	return o.ctx.Err() != nil || held && term.Check() != nil
}

func (n *node) leaveOffice(o *office) {
	if n.office == o {
		n.office = nil
		term, _ := lease.TermFrom(o.ctx)
		n.emit(CoordinatorEvent{Origin: n.origin(), Token: term.Token(), Err: context.Cause(o.ctx)})
	}
}

// coordinate goes on with the office.
func (n *node) coordinate() {
	o := n.office
	switch {
	case o == nil:
		return
	case o.isOver():
		return
	case n.alien != nil: // F4: it is never replaced
		n.resign(o, n.alien)
		return
	case n.health != nil:
		n.resign(o, n.health)
		return
	case n.now() >= o.heard+n.opts.length: // F8
		n.resign(o, errors.New("none of the looks at the seats was answered for a lease length"))
		return
	}
	n.wakeAt(o.heard + n.opts.length)
	n.refreshList(o)
	if n.now() >= o.next {
		n.beginRound(o)
	}
	n.wakeAt(o.next)
	n.lookSoon(o)
	n.waitAtSeats(o)
	roundOver := o.decideBy != never && (o.waiting == 0 || n.now() >= o.decideBy)
	switch {
	case roundOver, o.decideBy == never && (o.news || n.now() >= o.ripe):
		o.decideBy, o.news = never, false
		n.decide(o)
		n.wakeAt(o.ripe)
	case o.decideBy != never:
		n.wakeAt(o.decideBy)
	default:
		n.wakeAt(o.ripe)
	}
	n.hurryOn(o)
}

// resign gives the office up, and lets another node have it (Run 7). The reason is told here alone: if the leader stops preside for another
// reason at the same moment, an error that names this one would end Run.
func (n *node) resign(o *office, why error) {
	n.trouble("coordinating", why)
	select {
	case o.quit <- struct{}{}:
	default:
	}
	n.leaveOffice(o)
}

// beginRound looks at all seats of the width.
func (n *node) beginRound(o *office) {
	o.round++
	o.next = n.now() + host.Jitter(n.host, n.opts.interval)
	o.decideBy, o.waiting = n.now()+n.opts.interval/2, 0
	for k := 1; k <= o.base.Width; k++ {
		if n.look(o, k, o.round) {
			o.waiting++
		}
	}
}

// look looks at a seat, unless that is being looked at. A round's looks are counted.
func (n *node) look(o *office, k, round int) bool {
	v := o.view(k)
	if v.looking {
		return false
	}
	v.looking, v.soon = true, 0
	sent := n.now()
	n.running.Go(func() {
		ctx, cancel := host.WithTimeout(o.ctx, n.patience())
		defer cancel()
		info, err := lease.Inspect(ctx, n.opts.manager, SeatLease(n.opts.name, k))
		n.inbox.post(func() {
			v.looking = false
			if n.office == o && !o.isOver() {
				n.looked(o, k, round, info, sent, err)
			}
		})
	})
	return true
}

func (o *office) view(k int) *seatView {
	v := o.seats[k]
	if v == nil {
		v = &seatView{}
		o.seats[k] = v
	}
	return v
}

// looked takes the answer of a look at a seat. One that cannot be read is reported, and keeps what was last known of it (F8).
func (n *node) looked(o *office, k, round int, info lease.Info, sent time.Duration, err error) {
	if round == o.round {
		o.waiting--
	}
	v := o.view(k)
	if err != nil {
		if !v.unread {
			n.trouble(fmt.Sprintf("looking at seat %d", k), err)
		}
		v.unread = true
		return
	}
	v.unread = false
	o.heard = n.now()
	n.sees(o, k, info, sent)
	switch {
	case info.State == lease.Expired:
		n.sweep(o, k)
	case info.State == lease.Held && info.RetryAfter > 0 && n.now()+info.RetryAfter < o.next: // F7
		v.lookAt(n.now() + info.RetryAfter + n.opts.interval/64)
	}
	if round == 0 { // a round decides by itself when it is complete
		o.news = true
	}
}

// lookAt lets the seat be looked at once more before the next round, at the latest then.
func (v *seatView) lookAt(at time.Duration) {
	if v.soon == 0 || at < v.soon {
		v.soon = at
	}
}

// lookSoon looks once more at seats that may have run out before the next round.
func (n *node) lookSoon(o *office) {
	for k, v := range o.seats {
		switch {
		case v.soon == 0:
		case n.now() >= v.soon:
			n.look(o, k, 0)
		default:
			n.wakeAt(v.soon)
		}
	}
}
