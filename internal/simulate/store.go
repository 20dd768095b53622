package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// store is the one store of a world. The world's own goroutine alone uses it, for one request at a time.
type store struct {
	data    string // "" if there is no record
	record  record // data, as the observer reads it
	version int
	written time.Duration // in true time
	renewed time.Duration // likewise, by anybody but an operator who asks something
	clock   time.Duration // how far the clock was ahead of the true time on the store's machine that took the write
	broken  bool          // the record was written by a Break
}

// record is the content of a cell, as the observer reads it.
type record struct {
	Token    uint64 `json:"token"`
	ID       string `json:"id"`
	Holder   string `json:"holder"`
	Length   string `json:"length"`
	Released bool   `json:"released"`
	Next     string `json:"next"`
	Nonce    string `json:"nonce"`
	Value    string `json:"value"`
	Number   uint64 `json:"value_number"`
}

func (r record) length() time.Duration {
	d, _ := time.ParseDuration(r.Length)
	return d
}

func read(data string) (r record, err error) {
	err = json.Unmarshal([]byte(data), &r)
	return r, err
}

func (s *store) exists() bool { return s.data != "" }

// now returns the current version; "" if there is no record.
func (s *store) now() lease.Version {
	if !s.exists() {
		return ""
	}
	return lease.Version(strconv.Itoa(s.version))
}

var (
	errThrottled = errors.New("slow down")
	errDropped   = errors.New("connection reset by peer")
	errOver      = errors.New("the world is over")
)

// answer is the store's answer to one request.
type answer struct {
	snapshot lease.Snapshot
	version  lease.Version // read or written; "" if neither
	record   record        // read or written
	err      error
	modified time.Duration // of what was read: its Last-Modified
	clock    time.Duration // of a read: how far the clock is ahead on the store's machine that answers
}

// wrote reports whether this is the answer to a write that was taken.
func (a *answer) wrote() bool { return a.version != "" && a.snapshot.Version == "" }

func (w *world) load(machineClock time.Duration) *answer {
	if !w.store.exists() {
		return &answer{}
	}
	s := lease.Snapshot{Data: []byte(w.store.data), Version: w.store.now()}
	a := &answer{
		snapshot: s, version: s.Version, record: w.store.record,
		modified: (w.store.written + w.store.clock).Truncate(time.Second), clock: machineClock,
	}
	w.setAge(a)
	return a
}

// setAge sets the Age of what was read to what it is now. The design's formula: the answer's Date less Last-Modified, less a second
// of grain and two of skew. Two machines of the store set these dates, in whole seconds.
func (w *world) setAge(a *answer) {
	if w.plan.Ages && a.snapshot.Version != "" {
		date := (w.time() + a.clock).Truncate(time.Second)
		a.snapshot.Age = max(date-a.modified-3*time.Second, 1)
	}
}

// write is a swap on its way.
type write struct {
	p      *process
	c      *call
	old    lease.Version
	data   string
	record record
	reason string        // why it may replace the record of another acquisition; "" if it may not
	clock  time.Duration // how far the clock is ahead on the store's machine that it reaches
}

func (w *world) swap(s *write) *answer {
	if now := w.store.now(); now != s.old {
		w.count("conflicts")
		if w.plan.Crowded && s.c.op == leader.OpAcquire {
			return &answer{err: errThrottled}
		}
		return &answer{err: fmt.Errorf("%w: it is %q, not %q", lease.ErrConflict, now, s.old)}
	}
	w.judgeWrite(s)
	before := w.store.record
	w.store.version++
	w.store.data, w.store.record, w.store.clock = s.data, s.record, s.clock
	w.store.taken(s.c.op, w.time())
	s.c.taken = true
	if before.ID != s.record.ID || s.record.Released {
		w.tells(s.record)
	}
	if f := s.p.onTaken; f != nil {
		s.p.onTaken = nil
		w.after(1, f)
	}
	return &answer{version: w.store.now(), record: s.record}
}

// link is a process's connection to the store. It implements lease.Store.
type link struct{ p *process }

func (l link) Load(ctx context.Context, _ string) (lease.Snapshot, error) {
	w, clock := l.p.w, l.p.w.storeClock(l.p)
	c, _ := ctx.Value(callKey{}).(*call)
	c.loads, c.last, c.unsettled = c.loads+1, "load", false
	l.p.loads.Add(1)
	a := l.ask(ctx, c, "load", func() *answer { return w.load(clock) })
	if c.looked = nil; a.err == nil {
		c.looked, c.lookedBy = a, ctx
	}
	return a.snapshot, a.err
}

func (l link) Swap(ctx context.Context, _ string, old lease.Version, data []byte) (lease.Version, error) {
	w := l.p.w
	c, _ := ctx.Value(callKey{}).(*call)
	c.swaps, c.last = c.swaps+1, "swap"
	l.p.swaps.Add(1)
	w.judgeWriteEvery(l.p, c)
	s := &write{p: l.p, c: c, old: old, data: string(data), clock: w.storeClock(l.p)}
	var err error
	if s.record, err = read(s.data); err != nil {
		w.fail("%s writes what is no record: %v", l.p.name, err)
	}
	s.reason = w.judgeSwap(l.p, c, s)
	if f := l.p.onAsking.Swap(nil); f != nil && c.op == leader.OpAcquire {
		w.after(1, *f)
	}
	c.unsettled = c.op == leader.OpAcquire && !s.record.Released
	a := l.ask(ctx, c, "swap", func() *answer { return w.swap(s) })
	c.unsettled = c.unsettled && a.err != nil && !errors.Is(a.err, lease.ErrConflict)
	return a.version, a.err
}

// Limits implements lease.Limiter.
func (l link) Limits() lease.Limits { return lease.Limits{WriteEvery: l.p.w.plan.WriteEvery} }

func (l link) String() string { return "simulated" }

// ask sends a request, lets its fate happen to it, and waits for the answer or the end of the context.
func (l link) ask(ctx context.Context, c *call, what string, do func() *answer) (a *answer) {
	w, p := l.p.w, l.p
	answers := make(chan *answer, 1)
	fate := p.fate(c.op)
	fate.back += c.lag
	if w.history.told {
		w.log("%s: sends %s%s", p.name, what, fate)
	}
	for _, name := range fate.names {
		w.count(name)
	}
	for _, arrives := range fate.arrivals {
		w.after(arrives.after, func() {
			if p.m.cut {
				return
			}
			a := do()
			if w.history.told {
				w.log("%s: %s reaches the store: %s", p.name, what, a)
			}
			if arrives.answered {
				if a.wrote() {
					fate.back, p.lag = fate.back+p.lag, 0
				}
				w.after(fate.back, func() { p.answer(answers, a) })
			}
		})
	}
	if fate.refused {
		w.after(fate.back, func() { p.answer(answers, &answer{err: errThrottled}) })
	}
	a = l.await(ctx, fate, answers)
	w.judgeAnswer(p, c, a.err, fate.troubled())
	return a
}

// await waits for the answer, or until the sender gives up.
func (l link) await(ctx context.Context, fate *fate, answers chan *answer) *answer {
	w, p := l.p.w, l.p
	ended := ctx.Done()
	if fate.deaf { // a request always returns in the end
		ended = nil
		w.after(fate.late, func() { p.reach(func() { send(answers, &answer{err: errDropped}) }) })
	}
	select {
	case a := <-answers:
		return a
	case <-ended:
	case <-w.over:
		return &answer{err: errOver}
	}
	select {
	case a := <-answers:
		return a
	case <-p.notices(fate.notices):
		return &answer{err: context.Cause(ctx)}
	case <-w.over:
		return &answer{err: errOver}
	}
}

func (a *answer) String() string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case a.version == "":
		return "nothing there"
	case a.wrote():
		return "written as " + string(a.version)
	}
	return fmt.Sprintf("version %s, age %v", a.version, a.snapshot.Age)
}

// fate says what happens to a request. The faults that the dice choose change it.
type fate struct {
	names      []string // of its faults
	arrivals   []arrival
	refused    bool          // the answer is "slow down", from before the store
	back, late time.Duration // how long an answer takes; how long a request takes that is late
	notices    time.Duration // how long after the end of its context the sender gives up
	deaf       bool          // the sender does not notice the end of its context, for as long as a request may be late
	length     time.Duration // of the lease
}

// An arrival is when a request reaches the store, and whether its answer comes back from there.
type arrival struct {
	after    time.Duration
	answered bool
}

// troubled reports whether the request does not reach the store once, with an answer.
func (f *fate) troubled() bool { return len(f.arrivals) != 1 || !f.arrivals[0].answered }

func (f *fate) String() string {
	s := ""
	for _, name := range f.names {
		s += " (" + name + ")"
	}
	return s
}

// fate draws what happens to the next request, which is one of such a call.
func (p *process) fate(op leader.Op) *fate {
	r, plan := p.dice, p.w.plan
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	way := func() time.Duration { return time.Duration(1e6 + r.Int64N(20e6) + r.Int64N(1+int64(p.w.latency()))) }
	f := &fate{
		arrivals: []arrival{{way(), true}}, back: way(), late: time.Duration(r.Int64N(2 * int64(plan.Length))),
		notices: time.Duration(2 + 2*r.Int64N(1e6)), length: plan.Length,
	}
	for _, hit := range strike(p.w.chances(), ofRequest, r) {
		hit.request(f, r)
		f.names = append(f.names, hit.String())
	}
	if p.m.closed.Load() {
		f.arrivals, f.refused, f.deaf, f.back = nil, true, false, time.Duration(1+r.Int64N(1e6))
		f.names = []string{"request: refused"}
	}
	if p.mutes(op) {
		f.arrivals, f.refused, f.names = nil, false, []string{"request: muted"}
	}
	return f
}
