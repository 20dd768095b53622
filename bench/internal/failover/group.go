package failover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"

	"github.com/cloudlease/leader/bench/internal/failover/candidate"
	"github.com/cloudlease/leader/bench/internal/peer"
)

// A group is some candidates for one lease. One goroutine runs it.
type group struct {
	o        *Options
	pulse    *pulse
	peer     peer.Peer
	length   time.Duration
	lease    string
	endpoint string

	single bool // no process is started in the place of one that ended by itself

	events  chan event
	running map[*process]bool
	started int // processes so far
	terms   []term

	discarded int // attempts that prove nothing: a renewal was in flight when its process was killed
	disturbed int // attempts during which the machine stood still
	lost      int // terms that ended before they were meant to
	problems  []string
}

func newGroup(o *Options, pulse *pulse, p peer.Peer, endpoint, lease string) *group {
	return &group{
		o: o, pulse: pulse, peer: p, length: lengthFor(p, o.Length), lease: lease, endpoint: endpoint,
		events: make(chan event, 256), running: map[*process]bool{},
	}
}

// start starts one more candidate.
func (g *group) start(more ...string) (*process, error) {
	g.started++
	args := append([]string{"-peer", g.peer.Key, "-endpoint", g.endpoint, "-lease", g.lease, "-length", g.length.String(), fmt.Sprintf("-follow=%t", g.o.Follow)}, more...)
	p, err := launch(g.o.Candidate, g.lease+"-"+strconv.Itoa(g.started), g.events, args...)
	if err == nil {
		g.running[p] = true
	}
	return p, err
}

// end kills the candidates, and waits until they are gone.
func (g *group) end() {
	for p := range g.running {
		g.kill(p)
	}
	for len(g.running) > 0 {
		g.take(<-g.events)
	}
}

// kill sends SIGKILL, and returns when it did.
func (g *group) kill(p *process) time.Duration {
	at := candidate.Now()
	_ = p.cmd.Process.Kill()
	g.endTerm(p, at)
	p.ending, p.leads = true, false
	return at
}

// take notes an event.
func (g *group) take(e event) {
	if p := e.of; p.ending && e.Moment == peer.Started {
		return // it began after it was told to end, so its work returns at once
	}
	e.of.take(e)
	switch {
	case e.ended:
		delete(g.running, e.of)
		_ = e.of.hold.Close()
		g.endTerm(e.of, e.At)
	case e.Moment == peer.Started:
		g.terms = append(g.terms, term{e.of, e.At, never})
	case e.Moment == peer.Stopped:
		g.endTerm(e.of, e.At)
	}
}

// endTerm ends the term that the process has, if it has one.
func (g *group) endTerm(p *process, at time.Duration) {
	for i := range g.terms {
		if t := &g.terms[i]; t.of == p && t.to == never {
			t.to = at
		}
	}
}

// leader returns the process that leads; nil if none does. If two lead, it is the one that began last.
func (g *group) leader() *process {
	var found *process
	for p := range g.running {
		if p.leads && !p.ending && (found == nil || p.began > found.began) {
			found = p
		}
	}
	return found
}

var (
	errPatience = errors.New("nobody leads, though the lease has long run out")
	errLost     = errors.New("the leader lost its lease")
)

// until takes events until the condition holds, or the given time has come: then it returns false.
func (g *group) until(ctx context.Context, at time.Duration, met func() bool) (bool, error) {
	alarm := time.NewTimer(max(0, at-candidate.Now()))
	defer alarm.Stop()
	for !met() {
		select {
		case e := <-g.events:
			g.take(e)
			if p := e.of; e.ended && !p.ending && p.status != candidate.Refused {
				g.problems = append(g.problems, p.problem())
				if len(g.problems) > mostProblems {
					return false, fmt.Errorf("%s: %s", g.peer.Key, p.problem())
				}
				if g.single {
					continue
				}
				if _, err := g.start(); err != nil {
					return false, err
				}
			}
		case <-alarm.C:
			return met(), nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	return true, nil
}

// mostProblems is how many problems a group may have before it is given up.
const mostProblems = 5

// settled waits until a process has led for a random number of renew intervals, and no renewal of it is in flight. If it loses
// the lease meanwhile, settled waits for the next leader.
func (g *group) settled(ctx context.Context) (*process, error) {
	for {
		ok, err := g.until(ctx, candidate.Now()+4*g.length+time.Minute, func() bool { return g.leader() != nil })
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("%s: %w: %v", g.peer.Key, errPatience, g.problems)
		}
		p := g.leader()
		if err := g.restOf(ctx, p); err == nil {
			return p, nil
		} else if !errors.Is(err, errLost) {
			return nil, err
		}
		g.lost++
	}
}

// restOf waits for the rest of the time that a leader has to lead.
func (g *group) restOf(ctx context.Context, p *process) error {
	renew := float64(g.peer.RenewEvery(g.length))
	at := p.began + time.Duration(renew*(g.o.LeadFrom+rand.Float64()*(g.o.LeadTo-g.o.LeadFrom)))
	for {
		if gone, err := g.until(ctx, at, func() bool { return !p.leads }); err != nil {
			return err
		} else if gone {
			return errLost
		}
		if !p.renewal {
			return nil
		}
		if _, err := g.until(ctx, candidate.Now()+g.length, func() bool { return !p.renewal || !p.leads }); err != nil {
			return err
		}
		at = candidate.Now() + time.Duration(renew*rand.Float64())
	}
}

// next waits for the next leader, and only then starts a candidate in the place of the one that is gone. Before that, the new
// candidate might lead itself, and the standbys are to be measured.
func (g *group) next(ctx context.Context, gone *process) (*process, error) {
	ok, err := g.until(ctx, candidate.Now()+4*g.length+time.Minute, func() bool { return g.leader() != nil })
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("%s, after %s was gone: %w: %v", g.peer.Key, gone.node, errPatience, g.problems)
	}
	p := g.leader()
	return p, g.join(ctx)
}

// join starts a candidate after a random part of a renew interval. Otherwise one that asks at fixed intervals would always ask
// at the same time after a renewal, since both count from the moment at which the leader began.
func (g *group) join(ctx context.Context) error {
	_, err := g.until(ctx, candidate.Now()+time.Duration(rand.Float64()*float64(g.peer.RenewEvery(g.length))), func() bool { return false })
	if err != nil {
		return err
	}
	_, err = g.start()
	return err
}

// crash kills the leader. If ok is false, the attempt proves nothing.
func (g *group) crash(ctx context.Context) (t Takeover, ok bool, err error) {
	p, err := g.settled(ctx)
	if err != nil {
		return Takeover{}, false, err
	}
	at := g.kill(p)
	if _, err := g.until(ctx, never, func() bool { return p.ended }); err != nil {
		return Takeover{}, false, err
	}
	next, err := g.next(ctx, p)
	if err != nil || !g.counts(p) {
		return Takeover{}, false, err
	}
	return Takeover{AfterRenewal: next.began - p.renewed, AfterKill: next.began - at}, true, nil
}

// counts reports whether the kill of a leader proves anything. All lines of the leader have been read.
func (g *group) counts(p *process) bool {
	switch {
	case p.stopped > p.began: // it no longer led
		g.lost++
		return false
	case p.renewal: // whether that renewal counts is unknown
		g.discarded++
		return false
	case g.pulse.missed(p.renewed):
		g.disturbed++
		return false
	}
	return true
}

// retry is the time between the starts of two fresh processes.
const retry = time.Second

// fresh kills the leader, which is the only process, and starts processes that make a single try each, until one gets the
// lease and leads.
func (g *group) fresh(ctx context.Context) (after time.Duration, ok bool, err error) {
	if len(g.running) == 0 {
		if _, err := g.start(); err != nil {
			return 0, false, err
		}
	}
	p, err := g.settled(ctx)
	if err != nil {
		return 0, false, err
	}
	g.kill(p)
	if _, err := g.until(ctx, never, func() bool { return p.ended }); err != nil {
		return 0, false, err
	}
	for from := candidate.Now(); candidate.Now() < from+4*g.length+time.Minute; {
		at := candidate.Now()
		next, err := g.start("-once")
		if err != nil {
			return 0, false, err
		}
		if _, err := g.until(ctx, never, func() bool { return next.leads || next.ended }); err != nil {
			return 0, false, err
		}
		if next.leads {
			return next.began - p.renewed, g.counts(p), nil
		}
		if _, err := g.until(ctx, at+retry, func() bool { return false }); err != nil {
			return 0, false, err
		}
	}
	return 0, false, fmt.Errorf("%s: fresh processes: %w: %v", g.peer.Key, errPatience, g.problems)
}

// handOver ends the leader in an orderly way. If ok is false, the attempt proves nothing.
func (g *group) handOver(ctx context.Context) (took time.Duration, ok bool, err error) {
	p, err := g.settled(ctx)
	if err != nil {
		return 0, false, err
	}
	p.ending = true
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, false, fmt.Errorf("end %s: %w", p.node, err)
	}
	// The release may be reported after the next leader has begun: the answer comes later than the release takes effect
	if _, err := g.until(ctx, candidate.Now()+4*g.length, func() bool { return p.released > 0 || p.ended }); err != nil {
		return 0, false, err
	}
	next, err := g.next(ctx, p)
	if err != nil {
		return 0, false, err
	}
	from := p.released
	if from == 0 {
		from = p.stopped
	}
	if g.pulse.missed(from) {
		g.disturbed++
		return 0, false, nil
	}
	return max(0, next.began-from), true, nil
}
