package fleet

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// facts is the coordinator's knowledge of sessions. All of it stays true: nothing that a later look shows undoes it, so answers may come late and
// in any order.
type facts struct {
	over map[session]bool
	acks map[session]*ack
	gone map[session]time.Duration // since when looks have shown only what was before, by the monotonic clock
}

// An ack is the newest plan that a session has acknowledged, and the parts whose works had not returned then.
type ack struct {
	epoch    uint64
	stopping map[string]bool
	draining bool
}

func newFacts() *facts {
	return &facts{over: map[session]bool{}, acks: map[session]*ack{}, gone: map[session]time.Duration{}}
}

// sees draws the conclusions from a look at the seat of a session: the session is over if the seat's record has its token and is
// released, or has a greater token. The tokens are compared before the states. A broken record proves nothing, whatever its token, and
// nor do a smaller token, a missing record or one that has run out (F3a).
func (f *facts) sees(s session, info lease.Info) {
	switch {
	case info.Broken:
	case info.Token > s.Token, info.Token == s.Token && info.State == lease.Free:
		f.over[s] = true
	}
}

// misses counts how long the record of a session's seat has been missing, or has shown only what was before the session, or before
// its end: somebody has edited records. The look was sent and answered then. After a whole lease length, counted up to the sending,
// the session is over: its holder could not renew meanwhile (F3a). If somebody holds the seat under its token again, that is
// another session, of which nothing is known.
func (f *facts) misses(s session, info lease.Info, sent, answered, length time.Duration) (edited bool) {
	again := info.Token == s.Token && info.State != lease.Free && f.over[s]
	if info.Token >= s.Token && !again {
		delete(f.gone, s)
		return false
	}
	since, counted := f.gone[s]
	if !counted {
		f.gone[s] = answered
		return false
	}
	if sent-since < length {
		return false
	}
	delete(f.gone, s)
	f.over[s] = true
	if again {
		delete(f.over, s)
		delete(f.acks, s)
	}
	return true
}

// acknowledges takes what a session's seat says. Of two values with the same epoch, a part is stopping only if both say so.
func (f *facts) acknowledges(s session, v seatValue) {
	a := f.acks[s]
	if a == nil {
		a = &ack{}
		f.acks[s] = a
	}
	a.draining = a.draining || v.Draining
	switch {
	case v.Epoch < a.epoch:
	case v.Epoch > a.epoch || a.stopping == nil:
		a.epoch, a.stopping = v.Epoch, map[string]bool{}
		for _, part := range v.Stopping {
			a.stopping[part] = true
		}
	default:
		still := map[string]bool{}
		for _, part := range v.Stopping {
			if a.stopping[part] {
				still[part] = true
			}
		}
		a.stopping = still
	}
}

// stopped reports whether a session surely works no more on a part that it was to give away under the token (F3).
func (f *facts) stopped(from session, part string, token uint64) bool {
	if f.over[from] {
		return true
	}
	a := f.acks[from]
	return a != nil && a.epoch >= token && !a.stopping[part]
}

// stopping returns the parts whose works had not returned, when the session acknowledged the newest plan.
func (f *facts) stopping(s session) map[string]bool {
	if a := f.acks[s]; a != nil {
		return a.stopping
	}
	return nil
}

func (f *facts) isOver(s session) bool { return f.over[s] }

func (f *facts) drains(s session) bool { return f.acks[s] != nil && f.acks[s].draining }

// keep forgets all other sessions.
func (f *facts) keep(named func(session) bool) {
	for s := range f.over {
		if !named(s) {
			delete(f.over, s)
		}
	}
	for s := range f.acks {
		if !named(s) {
			delete(f.acks, s)
		}
	}
	for s := range f.gone {
		if !named(s) {
			delete(f.gone, s)
		}
	}
}
