package fleet

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A PartState tells what a node does with a part that it has.
type PartState int

const (
	Working  PartState = iota // the work runs
	Stopping                  // the work was cancelled, and has not returned
	Failed                    // the work has returned an error, and is begun again after a while
	Done                      // the work has returned nil: nothing is left to do in this term
)

// String returns the state's name in lower case.
func (s PartState) String() string {
	if s < Working || s > Done {
		return fmt.Sprintf("state %d", int(s))
	}
	return [...]string{"working", "stopping", "failed", "done"}[s]
}

// A part is one term of a part on this node (F1). Only the node's goroutine uses it.
type part struct {
	name   string
	token  uint64
	seat   *seat
	ctx    context.Context
	keeper *lease.Keeper

	state   PartState
	flushes bool          // the work has returned, and what it writes last has not
	since   time.Duration // when the state began, by the monotonic clock
	begun   time.Duration // when the work began last
	again   time.Duration // when a failed work is begun again
	pauses  int           // in a row
	err     error         // of the work, when it returned last
}

// working reports whether the work has not returned (and what it flushes last).
func (p *part) working() bool { return p.state == Working || p.state == Stopping }

// begin begins the term of a part that the plan gives to this session, and its work. It counts as working from here on, before
// its goroutine runs.
func (n *node) begin(e entry) {
	p := &part{name: e.Part, token: e.Token, seat: n.seat}
	p.ctx, p.keeper = lease.StartWithin(n.life, n.seat.term, partLease(n.opts.name, e.Part), e.Token)
	n.parts[e.Part] = p
	n.work(p)
}

// work begins the work of the part.
func (n *node) work(p *part) {
	from := p.state
	p.state, p.since, p.begun = Working, n.now(), n.now()
	n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: from, To: Working})
	n.fleet.works.Add(1)
	go func() {
		res := result{panicked: &panicked{value: errGoexit}}
		defer func() {
			if failed := n.flush(p); res.panicked == nil { // the first one counts
				res.panicked = failed
			}
			n.fleet.works.Add(-1) // before Run can have ended
			n.inbox.post(func() { n.returned(p, res) })
		}()
		defer catch(&res.panicked)
		err := n.opts.work(p.ctx, p.name)
		res = result{err: err, told: p.ctx.Err() != nil}
	}()
}

// A result says how a work ended.
type result struct {
	err      error
	told     bool // it was told to return: its context had ended
	panicked *panicked
}

// A panicked is a work's panic, or its runtime.Goexit.
type panicked struct {
	value any
	stack []byte
}

// catch, deferred, notes a panic.
func catch(failed **panicked) {
	if v := recover(); v != nil {
		*failed = &panicked{v, debug.Stack()}
	}
}

// flush lets the term write what it has kept in memory (lease.BeforeEnd), while it lasts and for as long as the end may take. A
// panic in it is the work's. A function that goes on after its context has ended is left behind: it must not keep the part from
// other nodes.
func (n *node) flush(p *part) *panicked {
	if !p.keeper.HasBeforeEnd() {
		return nil
	}
	n.inbox.post(func() { p.flushes = true }) // WithEndTimeout bounds it from now on, and not WithStopTimeout
	wait, leave := host.WithTimeout(context.WithoutCancel(p.ctx), n.opts.endTimeout)
	defer leave()
	ctx, cancel := host.WithTimeout(wait, n.opts.endTimeout-n.opts.endTimeout/16) // the rest is for returning
	defer cancel()
	returned := make(chan *panicked, 1)
	go func() {
		failed := &panicked{value: errGoexit}
		defer func() {
			if failed != nil { // also if it was left behind
				n.log.Error("what was to run before the end of a part's term panicked", "part", p.name, "token", p.token, "panic", failed.value, "stack", string(failed.stack))
			}
			returned <- failed
		}()
		defer catch(&failed)
		p.keeper.BeforeEnd(ctx)
		failed = nil
	}()
	for over := p.keeper.Term().Done(); ; {
		select {
		case failed := <-returned:
			return failed
		case <-over:
			over = nil
			cancel()
		case <-wait.Done():
			n.log.Warn("what was to run before the end of a part's term has not returned: the node goes on without it", "part", p.name, "token", p.token)
			return nil
		}
	}
}

// returned goes on after a work.
func (n *node) returned(p *part, res result) {
	n.changed = true // the acknowledgement, at least
	from := p.state
	if n.stopping[p.name] == p {
		delete(n.stopping, p.name)
	}
	p.err, p.since, p.flushes = res.err, n.now(), false
	switch {
	case res.panicked != nil:
		p.keeper.End(nil)
		delete(n.parts, p.name)
		p.err = fmt.Errorf("fleet: part %q: the work panicked: %v", p.name, res.panicked.value)
		n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: from, To: Done, Gone: true, Err: p.err})
		n.panics(p, res.panicked)
		return
	case res.told || from == Stopping || p.seat.ended:
		p.keeper.End(nil)
		delete(n.parts, p.name)
		n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: from, To: Done, Gone: true, Err: p.err})
		return
	case res.err == nil:
		p.keeper.End(nil)
		p.state, p.pauses = Done, 0
	default:
		if n.now()-p.begun > n.opts.length {
			p.pauses = 0 // it went well for a while
		}
		p.state = Failed
		p.again = n.now() + n.pause(p.pauses)
		p.pauses++
		n.failed[p.name] = p
	}
	n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: from, To: p.state, Err: p.err})
}

// pause returns how long a work that has failed so many times in a row before is not begun again: a sixteenth of an interval at
// first, a lease length at most.
func (n *node) pause(before int) time.Duration {
	d := max(n.opts.interval/16, time.Millisecond) << min(before, 30)
	if d <= 0 {
		d = n.opts.length
	}
	return host.Jitter(n.host, min(d, n.opts.length))
}

// retry begins those works again that failed a while ago, unless their terms have ended meanwhile, as when the machine has slept (R8).
func (n *node) retry() {
	for name, p := range n.failed {
		switch {
		case n.parts[name] != p || p.state != Failed:
			delete(n.failed, name)
		case n.now() < p.again:
			n.wakeAt(p.again)
		case n.loses(p) != nil:
			delete(n.failed, name)
			n.changed = true
		default:
			delete(n.failed, name)
			n.work(p)
		}
	}
}

// stop cancels the work of a part that this node has no more. It may still save: its Check holds until it has returned.
func (n *node) stop(p *part, cause error) {
	switch p.state {
	case Working:
		p.state, p.since = Stopping, n.now()
		p.keeper.Cancel(cause)
		n.stopping[p.name] = p
		if n.opts.stopTimeout > 0 { // giveUp has run in this step
			n.wakeAt(p.since + n.opts.stopTimeout)
		}
		n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: Working, To: Stopping, Err: cause})
	case Failed, Done:
		p.keeper.End(nil)
		delete(n.parts, p.name)
		n.emit(PartEvent{Origin: n.origin(), Part: p.name, Token: p.token, From: p.state, To: Done, Gone: true})
	}
}
