package fleet

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A seat is this node's place in the fleet: a lease that it holds, and renews, however many parts it has. Its time is a session.
type seat struct {
	number int
	leader *leader.Leader     // holds the seat
	cancel context.CancelFunc // ends the leader that holds the seat, once its works have returned
	empty  chan struct{}      // closed when no part is worked on in it any more, or the works are given up: nobody is to keep it
	deaf   atomic.Bool        // it is renewed no more (F8)
	teller *teller

	// Set when it is taken.
	id   session
	term lease.Term

	drains  bool          // it says that it is to be given nothing, for the rest of the session
	drainBy time.Duration // when it ends whatever it has
	ended   bool          // no part is begun in it any more, and all that run are to stop
	cause   error         // why
	emptied bool          // empty is closed
	givenUp bool          // works that do not return are left in it: it is not given back, and runs out; set before empty is closed
	said    seatValue
}

// takeSeat tries seats until this node has one: random ones of the width, those first that the hints do not show as taken, four in an
// interval at most (F9).
func (n *node) takeSeat() {
	if n.plan == nil {
		n.peekFor(0)
		return
	}
	if n.seat != nil || n.draining || n.health != nil || n.isDeaf() {
		return
	}
	peeks := n.peekFor(n.plan.Epoch) // its hints, and its width, may be old
	if n.now() < n.trySeat {
		n.wakeAt(n.trySeat)
		return
	}
	n.trySeat = n.now() + host.Jitter(n.host, n.opts.interval/4)
	open, hinted := n.openSeats()
	if len(open) == 0 && !peeks { // else all are taken, and the coordinator is to make more
		open = hinted
	}
	if len(open) > 0 {
		n.sit(open[n.host.Uint64()%uint64(len(open))])
		return
	}
	n.wakeAt(n.trySeat)
}

// openSeats returns the seats that were not tried in vain of late: those that may be free, and those that the hints show as taken.
func (n *node) openSeats() (open, hinted []int) {
	taken := map[int]bool{}
	for _, s := range n.plan.Seated {
		taken[s.Seat] = true
	}
	for k := 1; k <= n.plan.Width; k++ {
		switch {
		case n.avoid[k] > n.now():
		case taken[k]:
			hinted = append(hinted, k)
		default:
			open = append(open, k)
		}
	}
	return open, hinted
}

// sit asks for a seat, and holds it in the background until it is to be given back, or is lost.
func (n *node) sit(k int) {
	ctx, cancel := context.WithCancel(n.life)
	st := &seat{number: k, cancel: cancel, empty: make(chan struct{})}
	st.teller = newTeller(func(err error) {
		n.inbox.post(func() { n.trouble("the seat's value", err) })
	})
	n.seat = st
	st.leader = leader.New(append(n.leaderOptions(),
		leader.WithLeaseManager(&seatTaker{poster{n.opts.manager, &n.fleet.board, []string{WishDrain, WishResume}, n.wished}, st}),
		leader.WithLeaseName(SeatLease(n.opts.name, k)),
		leader.WithAttributes(n.opts.attributes),
		leader.WhenStarted(func(ctx context.Context) error { return n.hold(ctx, st) }),
	)...)
	n.running.Go(func() {
		defer cancel()
		err := st.leader.RunOnce(ctx)
		n.inbox.post(func() { n.unseated(st, err) })
	})
}

// hold is the work of the leader that holds the seat: it returns once no part is worked on any more (F1), or the works are given up.
func (n *node) hold(ctx context.Context, st *seat) error {
	term, _ := lease.TermFrom(ctx)
	n.inbox.post(func() { n.seated(st, term) })
	defer context.AfterFunc(ctx, func() {
		n.inbox.post(func() { n.endSession(st, context.Cause(ctx)) })
	})()
	telling, stop := context.WithCancel(ctx)
	defer stop()
	go st.teller.run(telling)
	<-st.empty
	if st.givenUp {
		return leader.ErrStopTimeout
	}
	return nil
}

// seated begins the session.
func (n *node) seated(st *seat, term lease.Term) {
	st.term, st.id = term, session{Seat: st.number, Token: term.Token()}
	n.was, n.changed = st.id, true
	n.emit(SeatEvent{Origin: n.origin(), Seat: st.number, Token: st.id.Token, Held: true})
	if n.draining || n.health != nil {
		n.endSession(st, errLeaving)
	}
	if n.office != nil { // the coordinator need not wait for its next round to see itself
		n.office.view(st.number).lookAt(n.now() + n.pace())
	}
}

// unseated goes on after a seat was not got, was given back or was lost.
func (n *node) unseated(st *seat, err error) {
	n.seat, n.unsaid, n.changed = nil, nil, true
	n.fleet.board.end(SeatLease(n.opts.name, st.number), st.id.Token)
	if st.id == (session{}) {
		n.avoid[st.number] = n.now() + n.opts.length/2
		if err != nil && !errors.Is(err, lease.ErrHeld) && !n.draining {
			n.trouble("taking a seat", err)
		}
		return
	}
	if err == nil && st.deaf.Load() { // by itself, since it heard nothing: that is a loss, too
		err = errDeaf
	}
	n.emit(SeatEvent{Origin: n.origin(), Seat: st.number, Token: st.id.Token, Err: err})
}

// endSession ends a session: nothing is begun in it any more, all works in it are cancelled, and when they have returned, the seat is
// given back. A session that is over never comes back (R8).
func (n *node) endSession(st *seat, cause error) {
	if st.ended {
		return
	}
	st.ended, n.changed = true, true
	st.cause = cause
}

// endDeaf ends the session of a node that has heard of no plan for a lease length: others may have been given its parts, by a
// plan that it cannot read (F8).
func (n *node) endDeaf() {
	if n.seat == nil || n.seat.ended || n.seat.id == (session{}) || !n.isDeaf() {
		return
	}
	n.trouble("reading the plan", errDeaf)
	n.seat.deaf.Store(true)
	n.endUnseen(errDeaf)
}

// endBeyond ends a session whose seat is beyond the width (F9). In a chain of plans there is none with parts; it takes a new chain.
func (n *node) endBeyond() {
	if st := n.seat; st != nil && !st.ended && st.id != (session{}) && n.plan != nil && st.number > n.plan.Width {
		n.endUnseen(errBeyond)
	}
}

// endUnseen ends a session that nobody waits for. So no Check holds any more, whenever the works return.
func (n *node) endUnseen(cause error) {
	for _, p := range n.parts {
		p.keeper.End(cause)
	}
	n.endSession(n.seat, cause)
}

// isDeaf reports whether this node has read no plan that it understands, and had none acknowledged, for a lease length (F8).
func (n *node) isDeaf() bool {
	if at := n.heard + n.opts.length; n.now() < at {
		n.wakeAt(at)
		return false
	}
	return true
}

// vacate lets an ended session's seat be given back once all of its works have returned. If those that are left do not return in time, it
// lets the seat run out.
func (n *node) vacate() {
	st := n.seat
	if st == nil || !st.ended || st.emptied {
		return
	}
	givenUp := false
	for _, p := range n.parts {
		if p.working() && !n.hangs(p) {
			return
		}
		givenUp = givenUp || p.working()
	}
	st.emptied, st.givenUp = true, givenUp
	close(st.empty)
}

// pace is how often requests that a move is waiting for are sent: four times in an interval (F7).
func (n *node) pace() time.Duration { return max(n.opts.interval/4, time.Millisecond) }

// says reports whether both values say the same.
func (v seatValue) says(w seatValue) bool {
	same := slices.Equal(v.Stopping, w.Stopping)
	v.Stopping, w.Stopping = nil, nil
	return same && reflect.DeepEqual(v, w)
}
