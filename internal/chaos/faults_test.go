//go:build unix

package chaos

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
)

const (
	// request is what one request takes, in L1's bound.
	request = 100 * time.Millisecond
	// noise is what a single takeover may take beyond its bound: this machine runs dozens of processes, the emulators, and
	// other tests besides. The median has to keep the bound.
	noise = 5 * time.Second
	// patience is for what no rule has a time for.
	patience = time.Minute
)

// A fault is what is done in a round to the leader, or to all.
//
// Nothing here restarts an emulator: those of package localstack keep their data in memory, and would come back without
// the record, which is somebody changing it. A lease that is held would be lost (Renew never creates a record), and the
// tokens would begin anew at 1, so that the register refuses all writes for as long as they are below the old ones: S2
// is promised on condition that nobody else changes the records. So a store that is stopped is a line to it that refuses, and
// one that is suspended is a proxy that holds what it gets until it wakes, as a process does that was sent SIGSTOP; with
// -own it is that process.
type fault struct {
	name    string
	network bool // needs a proxy
	own     bool // needs emulators of the test's own
	do      func(e *election, n *node) (happened bool)
}

var faults = []fault{
	{"killed", false, false, (*election).killed},
	{"suspended", false, false, (*election).suspended},
	{"dozes", false, false, (*election).dozes},
	{"asked to end", false, false, (*election).askedToEnd},
	{"clock ahead", false, false, (*election).clockAhead},
	{"clock back", false, false, (*election).clockBack},
	{"refused", false, false, (*election).refused},
	{"reset", true, false, (*election).reset},
	{"mute", true, false, (*election).mute},
	{"deaf", true, false, (*election).deaf},
	{"late", true, false, (*election).late},
	{"slow store", true, false, (*election).slowStore},
	{"store stopped", false, false, (*election).storeStopped},
	{"store asleep", true, false, (*election).storeAsleep},
	{"store SIGSTOP", true, true, (*election).storeSuspended},
}

// possible are the faults that can be done in the place.
func (p *place) possible() []fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return f.network && p.process == "" || f.own && !*own
	})
}

// round waits until all is well, and for a moment between two renewals that the seed has chosen, and then does the fault to
// whoever leads. Meanwhile something may happen to a standby; of those that are left at least one is well.
func (e *election) round(f fault) {
	if f.own {
		e.gate.Lock()
		defer e.gate.Unlock()
	} else {
		e.gate.RLock()
		defer e.gate.RUnlock()
	}
	e.settle()
	moment := time.Duration(e.random.Int64N(int64(e.interval())))
	also, which := e.random.IntN(3*len(mishaps)), e.random.IntN(len(e.nodes)-1)
	e.rest(moment)
	leader := e.leader.node
	e.Logf("%s with token %d: %s", leader.id, e.leader.token, f.name)
	e.ailing = []*node{leader}
	done := func() {}
	if also < len(mishaps) {
		standbys := slices.DeleteFunc(slices.Clone(e.nodes), func(n *node) bool { return n == leader })
		m, n := mishaps[also], standbys[which]
		e.Logf("meanwhile %s: %s", n.id, m.name)
		e.ailing = append(e.ailing, n)
		done = m.do(e, n)
		e.tally.count(m.name + ", a standby")
	}
	if f.do(e, leader) {
		e.tally.count(f.name)
	}
	done()
}

// mishaps are what may happen to a standby; the function ends it.
var mishaps = []struct {
	name string
	do   func(e *election, n *node) (done func())
}{
	{"killed", func(e *election, n *node) func() {
		e.kill(n)
		if p := n.process; e.upstream == "" {
			// Who finds at its start that its directory's path leads in a circle takes that for a mistake, and ends, as it should. So
			// this one hears from its store before that can be put out of its reach.
			e.must(p.id+" has heard from its store", patience, func(event) bool { return p.answered > 0 })
		}
		return func() {}
	}},
	{"suspended", func(e *election, n *node) func() { return e.suspend(n) }},
	{"clock shifted", func(e *election, n *node) func() {
		e.shift(n, e.hours())
		return func() { e.shift(n, e.hours()) }
	}},
}

// The faults.

func (e *election) killed(n *node) bool {
	return e.succeeds(0, func() (over func()) {
		e.kill(n)
		return func() {}
	})
}

// suspended: in a third of the cases the wall clock steps back or ahead meanwhile.
func (e *election) suspended(n *node) bool {
	step := time.Duration(0)
	if e.random.IntN(3) == 0 {
		step = e.hours()
	}
	resume := e.suspend(n)
	if e.process == "" && holdsLock(e.T, n.cmd.Process.Pid) {
		// Then nobody else can write before it goes on, as package file says; L1 is for a store that works.
		e.tally.count("suspended while it writes")
		e.rest(e.long())
		resume()
		return false
	}
	return e.succeeds(0, func() (over func()) {
		if step != 0 {
			e.shift(n, step) // it is told when it wakes
		}
		return resume
	})
}

// dozes: it is suspended for less than a lease, and wakes about when its term ends. Whether it still leads then is not
// said, but that nobody else did before it had ended (S1).
func (e *election) dozes(n *node) bool {
	d := e.length/2 + time.Duration(e.random.Int64N(int64(e.length/2)))
	resume := e.suspend(n)
	e.rest(d)
	resume()
	return true
}

// refused: its connections are closed, and new ones refused; or its directory is out of reach.
func (e *election) refused(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.broken(refuse, n) })
}

func (e *election) reset(n *node) bool {
	reset := func(n *node) { n.proxy.ResetConnections() }
	return e.succeeds(0, func() (over func()) { return e.broken(reset, n) })
}

// mute: nothing that it sends arrives.
func (e *election) mute(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.broken(every(wire.Stall(wire.Before)), n) })
}

// deaf: what it sends arrives, but no answer does. So its renewals go on, in vain, until its own deadline.
func (e *election) deaf(n *node) bool {
	return e.succeeds(e.length, func() (over func()) { return e.broken(every(wire.Stall(wire.After)), n) })
}

// late: what it sends arrives when another leads already.
func (e *election) late(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.holding(n) })
}

// slowStore: every request takes a part of a renew interval longer, and nothing else is to happen.
func (e *election) slowStore(*node) bool {
	stage := wire.Stage(e.random.IntN(2))
	token, d := e.leader.token, e.long()
	over := e.broken(every(wire.Delay(stage, e.interval()/8)), e.nodes...)
	e.rest(d)
	over()
	return e.leader.token == token
}

func (e *election) storeStopped(*node) bool {
	return e.returns(func() (over func()) { return e.broken(refuse, e.nodes...) })
}

func (e *election) storeAsleep(*node) bool {
	return e.returns(func() (over func()) { return e.holding(e.nodes...) })
}

func (e *election) storeSuspended(*node) bool {
	return e.returns(func() (over func()) { return suspendEmulator(e.T, e.process) })
}

// askedToEnd: S3, and L1's bound for a lease that was released.
func (e *election) askedToEnd(n *node) bool {
	token, p := e.leader.token, n.process
	p.asked = true
	require.NoError(e, p.cmd.Process.Signal(syscall.SIGTERM))
	happened := e.handsOver(p, token)
	e.awaitExit(p)
	e.start(n)
	return happened
}

// clockAhead: R3 has the holder believe it, and give the lease back.
func (e *election) clockAhead(n *node) bool {
	token := e.leader.token
	e.shift(n, e.hours().Abs())
	return e.handsOver(n.process, token)
}

// clockBack: nothing is to happen. The leader renews its lease, and goes on.
func (e *election) clockBack(n *node) bool {
	token, p, renewals := e.leader.token, n.process, 0
	e.shift(n, -e.hours().Abs())
	shifted := false
	e.must("the leader whose clock was set back renews its lease twice, or another leads", 2*e.length+patience, func(last event) bool {
		if last.process == p {
			shifted = shifted || last.Did == Shifted
			if shifted && last.Did == Renews {
				renewals++
			}
		}
		return renewals == 2 || e.leader.token > token
	})
	return e.leader.token == token
}

// What the faults have in common.

// succeeds: after the strike another leads, within L1's bound and whatever more; when the fault has lasted for longer than
// a lease, it is over.
func (e *election) succeeds(more time.Duration, strike func() (over func())) bool {
	d := e.long()
	token, struck := e.leader.token, Now()
	over := strike()
	next := e.next(token)
	happened := false
	if next.at >= struck { // else it had lost its lease, which this machine was too busy for, before the strike
		happened = e.within(struck, next, e.bound()+more)
	}
	if happened {
		e.tally.tookOver(next.at-struck, more == 0)
	}
	e.rest(struck + d - Now())
	over()
	return happened
}

// returns: the store is out of reach for longer than a lease. When it is back somebody leads.
func (e *election) returns(strike func() (over func())) bool {
	d := e.long()
	over := strike()
	e.rest(d)
	token := e.leader.token
	over()
	back := Now()
	for _, n := range e.nodes {
		n.healed = back
	}
	next := e.next(token)
	if next.at < back || !e.within(back, next, e.bound()) {
		return false // or somebody had begun just before it went
	}
	e.tally.tookOver(next.at-back, false) // others knew already that the lease is over: it takes less
	return true
}

// handsOver: the process gives its lease back, and one acquire interval later another leads: or the same, if it was not to
// end.
func (e *election) handsOver(p *process, token uint64) bool {
	var released, returned time.Duration
	through := false // p has done with the lease: a release that failed is tried for a while
	look := func(last event) bool {
		if last.process == p && !through {
			switch last.Did {
			case Returns:
				returned = last.At
			case Releases:
				released, through = last.At, true
			case StandsBy, Leads, Exits:
				through = true
			}
		}
		return e.leader.token > token && through
	}
	e.must("the lease is handed over", 2*e.length+patience, look)
	next := e.next(token)
	// S3: its lease had not run out, as it was renewed until the work had returned.
	if p.asked && released > 0 && next.at < returned {
		e.Errorf("S3: %s leads with token %d, %v before the work of %s has returned", next.node.id, next.token, returned-next.at, p.id)
	}
	if released == 0 || returned == 0 {
		return false // the release found no way in time
	}
	if !e.within(released, next, e.interval()+request) {
		return false
	}
	if next.node.process == p {
		e.tally.tookOver(next.at-released, false) // it asks at once
	} else {
		e.tally.handedOver(max(next.at-released, 0)) // the answer to the release may come late
	}
	return true
}

// next waits for the first term after the token, which may have begun already.
func (e *election) next(token uint64) (first began) {
	e.must(fmt.Sprintf("another leads after token %d", token), 2*e.length+patience, func(event) bool {
		i := slices.IndexFunc(e.terms, func(b began) bool { return b.token > token })
		if i >= 0 {
			first = e.terms[i]
		}
		return i >= 0
	})
	return first
}

// within fails the test if the term began too long after a moment. L1 is promised while the store and one standby work. If
// none of the standbys that nothing was done to got clear answers, for want of time on a machine as busy as this one, then
// there was no such store, nothing is known, and within reports false.
func (e *election) within(from time.Duration, next began, bound time.Duration) (known bool) {
	took := next.at - from
	works := func(n *node) bool {
		return !slices.Contains(e.ailing, n) && n.failed < from+e.interval() // later than what was under way at that moment
	}
	if took > bound && !slices.ContainsFunc(e.nodes, works) {
		e.Logf("%s led after %v; the bound is %v, but the store gave no clear answers", next.node.id, took, bound)
		e.tally.excuse()
		return false
	}
	if took > bound+noise {
		e.Errorf("L1: %s led after %v; the bound is %v, and %v were left for noise", next.node.id, took, bound, noise)
	}
	return true
}

// interval is how often a leader renews, and a standby asks.
func (e *place) interval() time.Duration { return e.length / 3 }

// bound is L1's, after a crash: one lease length, one acquire interval and one request.
func (e *place) bound() time.Duration { return e.length + e.interval() + request }

// long is longer than the lease.
func (e *election) long() time.Duration {
	return e.length*6/5 + time.Duration(e.random.Int64N(int64(e.length/2)))
}

// hours are up to two days, in either direction.
func (e *election) hours() time.Duration {
	h := time.Duration(1+e.random.IntN(48)) * time.Hour
	if e.random.IntN(2) == 0 {
		return -h
	}
	return h
}
