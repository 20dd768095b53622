package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
)

// drain makes this node leave in order: it says so in its seat, and works on until the plan gives it nothing.
func (n *node) drain() {
	if !n.draining {
		n.draining, n.drainBy = true, n.now()+n.opts.drainTimeout
		n.log.Info("this node drains: its parts go to others", "parts", len(n.parts), "timeout", n.opts.drainTimeout)
	}
}

// fail makes Run end with an error as soon as the works have returned.
func (n *node) fail(err error) {
	if n.failure == nil {
		n.failure = err
	}
	n.draining, n.drainBy = true, n.now()
}

// panics makes Run panic, as the work of a part did, as soon as the other works have returned and the seat is given back.
func (n *node) panics(p *part, why *panicked) {
	n.log.Error("the work of a part panicked: this node leaves the fleet, and Run panics", "part", p.name, "token", p.token, "panic", why.value, "stack", string(why.stack))
	if n.panicked == nil {
		n.panicked = why
	}
	n.fail(p.err)
}

// drainOn goes on with a session that drains, since the node is to leave, is unhealthy or is retired, and with a node that leaves.
func (n *node) drainOn() {
	st := n.seat
	switch {
	case st == nil, st.ended:
	case st.id != (session{}):
		n.drainSession(st)
	case n.draining:
		n.ends()
		st.cancel()
	}
}

// leaveOn gives the office back: last, or together with the seat. While this node's parts have not been given to others, nobody else would
// do that sooner.
func (n *node) leaveOn() {
	if st := n.seat; !n.draining || st != nil && st.id != (session{}) && !st.emptied {
		return
	}
	if n.office != nil && n.plan.names(n.was) && n.now() < n.drainBy {
		n.endBy = never // that is the drain
		n.wakeAt(n.drainBy)
		return
	}
	n.ends()
	n.quitting()
}

func (n *node) drainSession(st *seat) {
	leaves := n.draining || n.health != nil
	if !st.drains && (leaves || n.retired) {
		st.drains, st.drainBy, n.changed = true, never, true
	}
	if !st.drains {
		return
	}
	if leaves && st.drainBy == never {
		st.drainBy = n.now() + n.opts.drainTimeout
	}
	if n.draining {
		st.drainBy = min(st.drainBy, n.drainBy)
	}
	if !n.hasNothing(st) && !(n.draining && n.rests()) && n.now() < st.drainBy {
		n.wakeAt(st.drainBy)
		if n.plan != nil {
			n.peekFor(n.plan.Epoch)
		}
		return
	}
	if n.retired && !n.draining && n.givesNothing(st) {
		return // it keeps its seat: so everybody sees it, and it hears when it is to take parts again
	}
	n.endSession(st, errors.Join(errLeaving, context.Cause(n.ctx), n.health))
}

// retire makes this node give its parts to others and take none, for as long as it runs or until it is to go on: an operator wants it so.
func (n *node) retire() {
	if !n.retired {
		n.retired = true
		n.log.Info("this node gives its parts to others, and takes none: an operator has asked for it", "parts", len(n.parts))
	}
}

// goOn makes this node take parts again. As its session has said that it drains, it takes another seat.
func (n *node) goOn() {
	if !n.retired {
		return
	}
	n.retired = false
	n.log.Info("this node takes parts again: an operator has asked for it")
	if st := n.seat; st != nil && st.drains {
		n.endSession(st, errLeaving)
	}
}

// hasNothing reports whether the plan gives nothing to the session, which has said that it drains, and all works have returned.
func (n *node) hasNothing(st *seat) bool {
	return st.said.Draining && len(n.parts) == 0 && n.givesNothing(st)
}

// givesNothing reports whether the plan gives nothing to the session.
func (n *node) givesNothing(st *seat) bool {
	return n.plan != nil && !slices.ContainsFunc(n.plan.Parts, func(e entry) bool { return e.Owner == st.id })
}

// rests reports whether this node has parts and works on none of them, since the works have returned by themselves. If it leaves, they need
// not wait for a plan: when the seat has been given back, others begin them.
func (n *node) rests() bool {
	for _, p := range n.parts {
		if p.working() {
			return false
		}
	}
	return len(n.parts) > 0
}

// giveUp ends Run if a cancelled work does not return. The works beside it are cancelled, too, and have as long.
func (n *node) giveUp() {
	for _, p := range n.stopping {
		switch {
		case n.hangs(p):
			err := fmt.Errorf("fleet: part %q: %w", p.name, leader.ErrStopTimeout)
			n.fail(err)
			n.endSession(p.seat, err)
		case n.opts.stopTimeout > 0 && !p.flushes:
			n.wakeAt(p.since + n.opts.stopTimeout)
		}
	}
}

// hangs reports whether the work was cancelled, and has not returned for too long.
func (n *node) hangs(p *part) bool {
	return p.state == Stopping && !p.flushes && n.opts.stopTimeout > 0 && n.now() >= p.since+n.opts.stopTimeout
}

// A probe asks the user's health check once in an interval.
type probe struct {
	next  time.Duration
	asked time.Duration // when the latest call began; 0: there was none in this run
}

// check asks for this node's health. A check that does not answer is a failure, and is not asked again meanwhile.
func (n *node) check() {
	if n.opts.health == nil || n.draining {
		return
	}
	if n.fleet.probing.Load() {
		at := n.probe.asked + n.opts.interval
		if n.now() >= at {
			n.feels(fmt.Errorf("%w: the health check has not answered for %v", leader.ErrUnhealthy, n.opts.interval))
			at = n.now() + n.opts.interval // one that an earlier Run has left behind does not tell this node
		}
		n.wakeAt(at)
		return
	}
	if n.now() < n.probe.next {
		n.wakeAt(n.probe.next)
		return
	}
	n.probe = probe{next: n.now() + host.Jitter(n.host, n.opts.interval), asked: n.now()}
	n.fleet.probing.Store(true)
	go func() {
		ctx, cancel := host.WithTimeout(n.life, n.opts.interval)
		defer cancel()
		err := errGoexit
		defer func() { // also if the check ends its goroutine
			n.fleet.probing.Store(false)
			if err != nil {
				err = fmt.Errorf("%w: %w", leader.ErrUnhealthy, err)
			}
			n.inbox.post(func() { n.feels(err) })
		}()
		err = n.opts.health(ctx)
	}()
	n.wakeAt(n.probe.asked + n.opts.interval)
}

func (n *node) feels(err error) {
	if (n.health == nil) != (err == nil) {
		n.log.Warn("this node's health has changed", "healthy", err == nil, "err", err)
	}
	n.health = err
}
