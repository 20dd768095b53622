package explore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// leaseName names the one lease.
const leaseName = "the"

// point is where the program of a node is.
type point uint8

const (
	idle      point = iota // it has no lease; it may ask for one
	acquiring              // Acquire is under way
	working                // its term has begun, and its work has not returned
	renewing               // likewise, and Renew is under way
	settling               // its work has returned, and Renew is still under way
	owing                  // its work has returned, and it still has the lease
	releasing              // Release is under way
)

// process is one run of a node's program: the real manager, the real keeper of its terms, and what a runner does with them.
// While it is in a call of the manager it runs in a coroutine, so it needs no locks.
type process struct {
	machine
	*shapes
	length  time.Duration
	manager lease.Manager
	point   point
	held    lease.Lease
	term    lease.Term
	keeper  *lease.Keeper
	sent    lease.Instant // just before the call under way

	valid bool // the latest Check was nil

	// Of the call under way.
	cancel context.CancelFunc
	next   func() (*request, bool) // runs the coroutine until it sends a request; false if the call has returned
	stop   func()
	send   func(*request) bool
	asks   *request // the request that waits for an answer
	reply  reply    // the answer to it
	result lease.Lease
	err    error
	said   []exchange // the call's exchanges so far
	over   bool       // the process is gone

	// Of the latest event.
	acquired bool  // Acquire has succeeded
	began    bool  // a term has begun
	lost     bool  // a renewal found the lease lost
	strange  error // one that no call may return; nil if there is none
}

// request is a load or a swap that a process sends to the store.
type request struct {
	ctx  context.Context
	swap bool
	old  record
	data record
}

// reply is an answer of the store; failures are no part of it.
type reply struct {
	conflict bool
	record   record // loaded or written
	age      uint8  // of the loaded record, in steps
}

// exchange is a request and its answer. The local variables of a call follow from its exchanges.
type exchange struct {
	request
	reply reply
	err   error
}

var (
	errGone = errors.New("the process is gone")
	errCut  = errors.New("connection reset") // of a request whose context is not the call's own to cancel
)

func newProcess(k kind, f flaws, s *shapes, length time.Duration) *process {
	p := &process{machine: machine{kind: k, flaws: f, now: up}, shapes: s, length: length}
	p.manager = lease.NewManager(p)
	return p
}

// Load implements lease.Store.
func (p *process) Load(ctx context.Context, _ string) (lease.Snapshot, error) {
	a, err := p.ask(&request{ctx: ctx})
	if err != nil {
		return lease.Snapshot{}, err
	}
	s := p.snapshot(a.record)
	s.Age = time.Duration(a.age) * step
	return s, nil
}

// Swap implements lease.Store.
func (p *process) Swap(ctx context.Context, _ string, old lease.Version, data []byte) (lease.Version, error) {
	a, err := p.ask(&request{ctx: ctx, swap: true, old: recordOf(old), data: p.parse(data)})
	if err == nil && a.conflict {
		err = lease.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return a.record.version(), nil
}

// ask sends a request, and waits until the explorer has decided what becomes of it.
func (p *process) ask(q *request) (reply, error) {
	if err := q.ctx.Err(); err != nil {
		return reply{}, err
	}
	p.said = append(p.said, exchange{request: *q})
	if p.over || !p.send(q) {
		return reply{}, errGone
	}
	last := &p.said[len(p.said)-1]
	if last.err = p.err; p.err == nil {
		last.reply = p.reply
	}
	return p.reply, p.err
}

// call begins a call of the manager.
func (p *process) call(in point, f func(ctx context.Context) (lease.Lease, error)) {
	ctx, cancel := context.WithCancel(host.With(context.Background(), p))
	p.point, p.cancel, p.said = in, cancel, nil
	p.sent = lease.Now(ctx)
	p.next, p.stop = iter.Pull(func(yield func(*request) bool) {
		p.send = yield
		p.result, p.err = f(ctx)
	})
	p.resume(nil)
}

// resume continues the call: its request is answered, or has failed with err.
func (p *process) resume(err error) {
	p.err = err
	q, waits := p.next()
	if p.asks = q; !waits {
		p.cancel()
		p.said = nil
		p.returned()
	}
}

// fail makes the request fail: its sender has given up, or its answer was lost.
func (p *process) fail() {
	p.cancel()
	err := p.asks.ctx.Err()
	if err == nil {
		err = errCut
	}
	p.resume(err)
}

// end ends the process and all that belongs to it.
func (p *process) end() {
	p.over = true
	if p.asks != nil {
		p.cancel()
		p.stop()
	}
	if p.keeper != nil {
		p.keeper.End(nil)
	}
}

// returned moves on after a call.
func (p *process) returned() {
	in, err, lost := p.point, p.err, errors.Is(p.err, lease.ErrLost)
	if p.countFromAnswer {
		p.sent = lease.Now(host.With(context.Background(), p))
	}
	switch in {
	case acquiring:
		if p.point = idle; err == nil {
			p.start()
		}
	case renewing, settling:
		p.renewed(err, lost)
	case releasing:
		p.point = owing
		if err == nil || lost {
			p.forget()
		}
	}
	known := err == nil || lost && in != acquiring || errors.Is(err, lease.ErrHeld) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, lease.ErrConflict) || errors.Is(err, errCut)
	if !known {
		p.strange = fmt.Errorf("what a call must not return: %w", err)
	}
	p.sent = lease.Instant{}
}

func (p *process) start() {
	p.point, p.held, p.acquired = working, p.result, true
	var ctx context.Context
	ctx, p.keeper = lease.StartTerm(host.With(context.Background(), p), p.counted(p.held), p.sent)
	p.term, _ = lease.TermFrom(ctx)
	p.began = p.term.Check() == nil // else it is too late (R8)
}

func (p *process) counted(l lease.Lease) lease.Lease {
	if p.noMargin {
		l.Length = l.Length * 10 / 9
	}
	return l
}

func (p *process) renewed(err error, lost bool) {
	p.point = map[point]point{renewing: working, settling: owing}[p.point]
	switch {
	case err == nil:
		p.held = p.result
		p.keeper.Extend(p.counted(p.held), p.sent)
	case lost:
		p.lost = true
		p.keeper.End(err)
		p.forget()
	default:
		p.keeper.Failed(err)
	}
}

// change sets the other of two values, once in a term, before a renewal.
func (p *process) change() {
	if !p.values || p.held.ValueNumber > 0 {
		return
	}
	if p.held.Value = map[string]string{"": "x"}[p.held.Value]; !p.unnumbered {
		p.held.ValueNumber = 1
	}
}

// forget drops the lease: it is released, or lost, or left to run out.
func (p *process) forget() {
	if p.earlyRelease {
		p.keeper.End(nil)
	}
	p.point, p.held, p.term, p.keeper = idle, lease.Lease{}, lease.Term{}, nil
}

// finish ends the term when the work returns. The lease is released only afterwards.
func (p *process) finish() {
	if !p.earlyRelease {
		p.keeper.End(nil)
	}
	p.point = map[point]point{working: owing, renewing: settling}[p.point]
}

// pass lets a step of time pass.
func (p *process) pass() {
	p.now += step
	if p.asleep {
		p.slept, p.napped = p.slept+step, true
	}
}

// settle lets happen what follows without a choice: timers ring, and calls whose own context has ended give up.
func (p *process) settle() {
	for {
		p.ring()
		if p.asleep || p.asks == nil || p.asks.ctx.Err() == nil {
			break
		}
		p.resume(p.asks.ctx.Err())
	}
	if !p.asleep { // a waiting caller samples the clocks, too (R3)
		p.sent = p.sent.Sample()
		p.valid = p.term.Check() == nil
	}
}

// take lets an event happen to the process.
func (p *process) take(e event) {
	p.acquired, p.began, p.lost, p.strange = false, false, false, nil
	switch e.what {
	case aStep:
		p.pass()
	case sleeps:
		p.asleep = true
	case wakes:
		p.asleep, p.napped = false, false
	case stepsForward:
		p.wall += p.length + step
	case stepsBack:
		p.wall -= p.length + step
	case rewinds:
		p.asleep = true
		p.wall -= time.Hour
	case acquires:
		p.call(acquiring, func(ctx context.Context) (lease.Lease, error) {
			return p.manager.Acquire(ctx, lease.Request{Name: leaseName, Holder: "node", Length: p.length})
		})
	case renews:
		p.change()
		p.call(renewing, func(ctx context.Context) (lease.Lease, error) { return p.manager.Renew(ctx, p.held) })
	case finishes:
		p.finish()
	case releases:
		p.call(releasing, func(ctx context.Context) (lease.Lease, error) {
			return lease.Lease{}, p.manager.Release(ctx, p.held)
		})
	case leaves:
		p.forget()
	case answered:
		p.reply = e.reply
		p.resume(nil)
	case fails:
		p.fail()
	default:
		panic(fmt.Sprintf("explore: %v happens to no process", e.what))
	}
	p.settle()
}

// may returns what the node may do without an answer.
func (p *process) may() []what {
	switch {
	case p.asleep && p.napped:
		return []what{wakes}
	case p.asleep:
		return nil
	case p.point == idle:
		return []what{acquires}
	case p.point == working && p.valid:
		return []what{renews, finishes}
	case p.point == working || p.point == renewing:
		return []what{finishes}
	case p.point == owing:
		return []what{releases, leaves}
	}
	return nil
}

// holds reports whether an effect of the work would be allowed now.
func (p *process) holds() bool { return !p.asleep && p.valid }

// remembered is how many exchanges of a call decide what it does next. Of earlier ones, only the number counts.
const remembered = 4

// memory describes all that decides what the process does from now on, random texts included.
func (p *process) memory() string {
	d := dumper{now: p.Read(), long: p.length + time.Millisecond}
	fmt.Fprintf(&d, "%d %v %v", p.point, p.asleep, p.napped)
	for i, e := range p.said {
		if fmt.Fprint(&d, "\n"); i < len(p.said)-remembered {
			continue
		}
		fmt.Fprintf(&d, "%v %q %q ", e.swap, e.old.version(), e.data.version())
		fmt.Fprintf(&d, "%v %v %q %d", e.err, e.reply.conflict, e.reply.record.version(), e.reply.age)
	}
	d.WriteString("\n")
	for _, part := range []any{p.held, p.manager} {
		d.value(reflect.ValueOf(part))
		d.WriteByte('\n')
	}
	if p.valid { // a term that has ended stays ended (R8)
		d.value(reflect.ValueOf(p.keeper))
	}
	if p.point == acquiring || p.point == renewing && p.valid { // when a release was sent counts for nothing
		d.value(reflect.ValueOf(p.sent))
	}
	slices.SortFunc(p.timers, func(a, b *timer) int { return int(a.due - b.due) })
	for _, t := range p.timers {
		d.ago(d.now.Mono - t.due)
	}
	return d.String()
}
