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
	// request is the time that L1's bound has for one request.
	request = 100 * time.Millisecond
	// noise is how far a single takeover may exceed its bound: this machine runs dozens of processes, the emulators, and other
	// tests besides. The median has to keep the bound.
	noise = 5 * time.Second
	// patience is how long to wait where no rule gives a time.
	patience = 3 * time.Minute
)

// A fault happens in a round to the leader, or to all nodes.
//
// No fault restarts an emulator. Those of package localstack keep their data in memory, and would return without the record,
// as if an outsider had deleted it. A lease that is held would be lost (Renew never creates a record). Tokens would begin
// again at 1, and the register would refuse all writes until they exceed the old ones; S2 is promised only if nobody else
// changes the records. So a stopped store is simulated by a proxy that refuses connections. A suspended store is a proxy that
// holds requests until it wakes, as a process does after SIGSTOP; with -own, that process itself gets SIGSTOP.
type fault struct {
	name    string
	network bool // needs a proxy
	own     bool // needs emulators that belong to the test
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

// possible returns the faults that can be done in the place.
func (p *place) possible() []fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return f.network && p.process == "" || f.own && !*own
	})
}

// round waits until all is well, and then for a moment between two renewals that the seed chooses. Then it does the fault to
// the leader. Meanwhile a mishap may happen to one standby; at least one of the others is well.
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

// mishaps may happen to a standby. Each returns a function that ends it.
var mishaps = []struct {
	name string
	do   func(e *election, n *node) (done func())
}{
	{"killed", func(e *election, n *node) func() {
		e.kill(n)
		if p := n.process; e.service == "" {
			// A process that finds at its start that its directory's path leads in a circle takes that for a mistake, and rightly ends.
			// So this one has to hear from its store before that can be put out of its reach.
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

// suspended suspends the leader. In a third of the cases its wall clock is stepped meanwhile.
func (e *election) suspended(n *node) bool {
	step := time.Duration(0)
	if e.random.IntN(3) == 0 {
		step = e.hours()
	}
	resume := e.suspend(n)
	if e.process == "" && holdsLock(e.T, n.cmd.Process.Pid) {
		// no other node can write before it resumes, as package file says; L1 is for a store that works
		e.tally.count("suspended while it writes")
		e.rest(e.long())
		resume()
		return false
	}
	return e.succeeds(0, func() (over func()) {
		if step != 0 {
			e.shift(n, step) // it reads this when it wakes
		}
		return resume
	})
}

// dozes suspends the leader for less than a lease; it wakes about when its term ends. It may or may not lead then, but no other
// node may have led before its term had ended (S1).
func (e *election) dozes(n *node) bool {
	d := e.length/2 + time.Duration(e.random.Int64N(int64(e.length/2)))
	resume := e.suspend(n)
	e.rest(d)
	resume()
	return true
}

// refused closes the leader's connections and refuses new ones; or its directory is out of reach.
func (e *election) refused(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.broken(refuse, n) })
}

func (e *election) reset(n *node) bool {
	reset := func(n *node) { n.proxy.ResetConnections() }
	return e.succeeds(0, func() (over func()) { return e.broken(reset, n) })
}

// mute lets nothing arrive that the leader sends.
func (e *election) mute(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.broken(every(wire.Stall(wire.Before)), n) })
}

// deaf lets requests arrive, but no answers. So renewals go on, in vain, until the leader's own deadline.
func (e *election) deaf(n *node) bool {
	return e.succeeds(e.length, func() (over func()) { return e.broken(every(wire.Stall(wire.After)), n) })
}

// late lets the leader's requests arrive when another node leads already.
func (e *election) late(n *node) bool {
	return e.succeeds(0, func() (over func()) { return e.holding(n) })
}

// slowStore delays every request by a part of a renew interval. Nothing else may happen.
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

// askedToEnd checks S3, and L1's bound for a lease that was released.
func (e *election) askedToEnd(n *node) bool {
	token, p := e.leader.token, n.process
	p.asked = true
	require.NoError(e, p.cmd.Process.Signal(syscall.SIGTERM))
	happened := e.handsOver(p, token)
	e.awaitExit(p)
	e.start(n)
	return happened
}

// clockAhead sets the clock ahead. By R3 the holder believes it, and releases the lease.
func (e *election) clockAhead(n *node) bool {
	token := e.leader.token
	e.shift(n, e.hours().Abs())
	return e.handsOver(n.process, token)
}

// clockBack sets the clock back. The leader has to renew its lease, and lead on.
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

// succeeds strikes, and expects another leader within L1's bound and the given extra time. It ends the fault when that has
// lasted for longer than a lease.
func (e *election) succeeds(more time.Duration, strike func() (over func())) bool {
	d := e.long()
	token, struck := e.leader.token, Now()
	over := strike()
	next := e.next(token)
	happened := false
	if next.at >= struck { // else it had lost its lease before the strike, on a machine that was too busy
		happened = e.within(struck, next, e.bound()+more)
	}
	if happened {
		e.tally.tookOver(next.at-struck, more == 0)
	}
	e.rest(struck + d - Now())
	over()
	return happened
}

// returns puts the store out of reach for longer than a lease, and expects a leader once it is back.
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
		return false // or a term had begun just before the store was gone
	}
	e.tally.tookOver(next.at-back, false) // standbys knew already that the lease is over, so it takes less
	return true
}

// handsOver expects that the process releases its lease, and that another node leads within an acquire interval; the same one
// may, if it was not to end.
func (e *election) handsOver(p *process, token uint64) bool {
	var released, returned time.Duration
	through := false // p is done with the lease; it retries a release that failed
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
	// S3: the lease had not run out, as it was renewed until the work had returned
	if p.asked && released > 0 && next.at < returned {
		e.Errorf("S3: %s leads with token %d, %v before the work of %s has returned", next.node.id, next.token, returned-next.at, p.id)
	}
	if released == 0 || returned == 0 {
		return false // the release did not reach the store in time
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

// next waits for the first term after the token. It may have begun already.
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

// within fails the test if the term began more than bound after from. L1 holds while the store and one standby work. On a
// machine as busy as this one, it may be that no standby without a fault got clear answers. Then there was no such store:
// nothing is known, and within reports false.
func (e *election) within(from time.Duration, next began, bound time.Duration) (known bool) {
	took := next.at - from
	works := func(n *node) bool {
		return !slices.Contains(e.ailing, n) && n.failed < from+e.interval() // later than requests under way at that moment
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
func (p *place) interval() time.Duration { return p.length / 3 }

// bound is L1's bound after a crash: a lease length, an acquire interval and a request. For a fleet it is FL2's.
func (p *place) bound() time.Duration {
	if p.parts > 0 {
		return 2*p.length + 4*p.interval() + 10*request
	}
	return p.length + p.interval() + request
}

// long returns a duration longer than the lease.
func (c *crew) long() time.Duration {
	return c.length*6/5 + time.Duration(c.random.Int64N(int64(c.length/2)))
}

// hours returns up to two days, in either direction.
func (c *crew) hours() time.Duration {
	h := time.Duration(1+c.random.IntN(48)) * time.Hour
	if c.random.IntN(2) == 0 {
		return -h
	}
	return h
}
