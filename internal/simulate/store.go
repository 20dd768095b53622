package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudlease/leader/lease"
)

// store is the one store of a world. What is asked of it happens on the world's own goroutine, one thing at a time.
type store struct {
	data    string
	version int
	written time.Duration // true time
	clock   time.Duration // of the machine of the store that wrote it, against the true time
}

// record is what the observer reads in a cell.
type record struct {
	Token    uint64 `json:"token"`
	ID       string `json:"id"`
	Holder   string `json:"holder"`
	Length   string `json:"length"`
	Released bool   `json:"released"`
}

func (s *store) record() (r record, ok bool) {
	return r, s.version > 0 && json.Unmarshal([]byte(s.data), &r) == nil
}

func (s *store) lease() lease.Version { return lease.Version(strconv.Itoa(s.version)) }

var (
	errThrottled = errors.New("slow down")
	errOver      = errors.New("the world is over")
)

// answer is what comes back.
type answer struct {
	snapshot lease.Snapshot
	version  lease.Version
	err      error
}

func (w *world) load(machineClock time.Duration) answer {
	if w.store.version == 0 {
		return answer{}
	}
	s := lease.Snapshot{Data: []byte(w.store.data), Version: w.store.lease()}
	if w.plan.Ages {
		// The formula of the design: the answer's Date less Last-Modified, both whole seconds by two machines of the
		// store, less a second of grain and two of skew.
		date := (w.time() + machineClock).Truncate(time.Second)
		modified := (w.store.written + w.store.clock).Truncate(time.Second)
		s.Age = max(date-modified-3*time.Second, 0)
	}
	return answer{snapshot: s}
}

func (w *world) swap(p *process, old lease.Version, data string, machineClock time.Duration) answer {
	before, existed := w.store.record()
	now := lease.Version("")
	if existed {
		now = w.store.lease()
	}
	if now != old {
		w.count("conflicts")
		p.conflicts++
		return answer{err: fmt.Errorf("%w: it is %q, not %q", lease.ErrConflict, now, old)}
	}
	w.judgeWrite(p, before, existed, data)
	w.store.version++
	w.store.data, w.store.written, w.store.clock = data, w.time(), machineClock
	return answer{version: w.store.lease()}
}

// link is a process's way to the store. It implements lease.Store.
type link struct{ p *process }

func (l link) Load(ctx context.Context, _ string) (lease.Snapshot, error) {
	clock := l.p.w.storeClock(l.p)
	l.p.loads++
	a := l.ask(ctx, "load", func() answer { return l.p.w.load(clock) })
	return a.snapshot, a.err
}

func (l link) Swap(ctx context.Context, _ string, old lease.Version, data []byte) (lease.Version, error) {
	clock, text := l.p.w.storeClock(l.p), string(data)
	l.p.swaps++
	if r := (record{}); json.Unmarshal(data, &r) == nil {
		l.p.wrote[r.ID] = true
	}
	a := l.ask(ctx, "swap", func() answer { return l.p.w.swap(l.p, old, text, clock) })
	return a.version, a.err
}

func (l link) String() string { return "simulated" }

// ask sends a request, and waits for its answer or the end of its context. What becomes of it is its fate.
func (l link) ask(ctx context.Context, what string, do func() answer) answer {
	w, p := l.p.w, l.p
	answers := make(chan answer, 1)
	fate := p.fate()
	arrives := func(d time.Duration, answered bool) {
		w.after(d, func() {
			if p.m.cut {
				return
			}
			a := do()
			w.log("%s: %s reaches the store: %s", p.name, what, a)
			if answered {
				w.after(fate.back, func() { p.answer(answers, a) })
			}
		})
	}
	w.log("%s: sends %s%s", p.name, what, fate.kind)
	switch fate.kind {
	case "":
		arrives(fate.there, true)
	case " (answer lost)":
		arrives(fate.there, false)
	case " (late)":
		arrives(fate.late, false)
	case " (repeated)":
		arrives(fate.there, false)
		arrives(fate.there+fate.back, true)
	case " (throttled)":
		w.after(fate.back, func() { p.answer(answers, answer{err: errThrottled}) })
	}
	if fate.kind != "" {
		w.count("request" + fate.kind)
	}
	ended, stop := p.ends(ctx, fate.notices)
	defer stop()
	select {
	case a := <-answers:
		return a
	case <-ended:
		return answer{err: context.Cause(ctx)}
	case <-w.over:
		return answer{err: errOver}
	}
}

func (a answer) String() string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case a.version != "":
		return "written as " + string(a.version)
	case a.snapshot.Version == "":
		return "nothing there"
	}
	return fmt.Sprintf("version %s, age %v", a.snapshot.Version, a.snapshot.Age)
}

// fate is what becomes of a request.
type fate struct {
	kind              string
	there, back, late time.Duration
	notices           time.Duration // how long after the end of its context its sender gives up
}

func (p *process) fate() fate {
	r := p.dice
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	f := fate{
		there: time.Duration(1e6 + r.Int64N(20e6)),
		back:  time.Duration(1e6 + r.Int64N(20e6)),
		late:  time.Duration(r.Int64N(int64(2 * p.w.plan.Length))),

		notices: time.Duration(2 + 2*r.Int64N(1e6)),
	}
	roll, faults := r.Float64(), p.w.faults()
	for _, c := range []struct {
		kind string
		odds float64
	}{
		{" (lost)", faults.Lost}, {" (answer lost)", faults.AnswerLost}, {" (late)", faults.Late},
		{" (repeated)", faults.Repeated}, {" (throttled)", faults.Throttled},
	} {
		if roll -= c.odds; roll < 0 {
			f.kind = c.kind
			return f
		}
	}
	if roll -= faults.Slow; roll < 0 {
		f.there += time.Duration(r.Int64N(int64(p.w.plan.Length) / 4))
		f.back += time.Duration(r.Int64N(int64(p.w.plan.Length) / 4))
	}
	return f
}
