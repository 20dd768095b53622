package simulate

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

const (
	// hintsPerInterval is how many looks hints may cause in an acquire interval, on top of the node's own rhythm.
	hintsPerInterval = 10
	// hintDraw is the most by which a leader delays such a look, so that not all standbys look at once.
	hintDraw = 20 * time.Millisecond
)

// A source is a function that WithWake is given. It tells when the lease changes hands, unless a fault befalls it.
type source struct {
	*process
	dice *rand.Rand
	now  atomic.Pointer[hint] // that is waited for; nil: there is none
}

// A hint is one call of a source. Its faults change it.
type hint struct {
	*source
	ctx     context.Context
	seen    lease.Info
	delay   time.Duration // how long news takes
	lost    bool          // news never comes
	deaf    bool          // it does not notice the end of its context
	notices time.Duration // how long after the end of its context it notices that
	says    func() error  // what the call returns once there is news
	news    chan struct{} // has room for one
}

// wakes returns the sources of hints of a process, as options.
func (p *process) wakes(seed uint64) (opts []leader.Option) {
	for i := range p.w.plan.Sources {
		s := &source{process: p, dice: rand.New(rand.NewPCG(seed, 20+uint64(i)))}
		p.sources = append(p.sources, s)
		opts = append(opts, leader.WithWake(s.wait))
	}
	return opts
}

// wait is the function for WithWake.
func (s *source) wait(ctx context.Context, seen lease.Info) error {
	w := s.w
	h := &hint{
		source: s, ctx: ctx, seen: seen, delay: 1 + s.upTo(request/2), notices: 1 + s.upTo(time.Millisecond),
		says: func() error { return nil }, news: make(chan struct{}, 1),
	}
	if w.closed() {
		return errOver
	}
	if !s.now.CompareAndSwap(nil, h) {
		w.fail("Hints: %s waits twice at one source", s.name)
		return errOver
	}
	defer s.now.Store(nil)
	for _, f := range strike(w.chances(), ofHint, s.dice) {
		w.count(f.String())
		f.hint(h)
	}
	if s.flooded.Load() {
		h.comes(s.upTo(time.Millisecond))
	}
	h.hears(w.store.record)
	return h.await()
}

// await waits until there is news.
func (h *hint) await() error {
	ended := h.ctx.Done()
	if h.deaf {
		ended = nil
	}
	select {
	case <-h.news:
		return h.says()
	case <-ended:
	case <-h.w.over:
		return errOver
	}
	select {
	case <-h.source.notices(h.notices):
	case <-h.w.over:
	}
	return context.Cause(h.ctx)
}

func (s *source) upTo(d time.Duration) time.Duration { return time.Duration(s.dice.Int64N(int64(d))) }

// comes lets news come after d, true or not.
func (h *hint) comes(d time.Duration) {
	h.w.after(1+d, func() {
		h.reach(func() {
			select {
			case h.news <- struct{}{}:
			default:
			}
		})
	})
}

// ends lets the call return what says returns, after at most d, whether there is news or not.
func (h *hint) ends(d time.Duration, says func() error) {
	h.lost, h.says = true, says
	h.comes(h.upTo(d))
}

// hears takes in the current record. It is news if the lease is another's than the node has seen, or nobody's.
func (h *hint) hears(r record) {
	if !h.lost && (r.ID != h.seen.ID || r.Released != (h.seen.State == lease.Free)) {
		h.comes(h.delay)
	}
}

// tells tells every source that the lease has changed hands.
func (w *world) tells(r record) {
	for _, p := range w.processes {
		for _, s := range p.sources {
			if h := s.now.Load(); h != nil {
				h.hears(r)
			}
		}
	}
}

// flood lets every source of hints tell of news all the time, and somebody call Hint, or ends that.
func (p *process) flood(begins bool) {
	p.flooded.Store(begins)
	if !begins {
		return
	}
	p.nudge()
	for _, s := range p.sources {
		if h := s.now.Load(); h != nil {
			h.comes(s.upTo(time.Millisecond))
		}
	}
}

// nudge calls Hint, as long as the flood lasts.
func (p *process) nudge() {
	if !p.flooded.Load() {
		return
	}
	p.reach(func() {
		p.nudged.Store(true)
		p.leader.Hint()
	})
	p.w.after(p.w.plan.AcquireEvery/4, p.nudge)
}

// healHints ends what is wrong with the sources of hints.
func (w *world) healHints() {
	for _, p := range w.processes {
		p.flooded.Store(false)
		for _, s := range p.sources {
			if h := s.now.Load(); h != nil {
				h.lost, h.delay = false, min(h.delay, request/2)
				h.hears(w.store.record)
			}
		}
	}
}

var errNoHints = errors.New("no hints today")

// rests notes when a node, whose latest question for the lease has been answered, asks again by itself at the earliest. The caller holds the lock.
func (p *process) rests(err error) {
	p.rhythm = 0
	if err == nil {
		return
	}
	wait := p.w.plan.AcquireEvery * 15 / 16
	if by, held := errors.AsType[*lease.HeldError](err); held {
		for _, d := range []time.Duration{by.Info.LookAfter, by.Info.RetryAfter} {
			if d > 0 {
				wait = min(wait, d)
			}
		}
	}
	p.rhythm = p.host.read().Mono + wait
}

// judgeRhythm checks what hints cost (C1), when a node asks for the lease: it asks sooner than by itself at most once in a tenth of the
// acquire interval.
func (w *world) judgeRhythm(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := p.host.read().Mono
	if now >= p.rhythm {
		return
	}
	w.counts["looks that hints have caused"]++
	if since := now - p.hinted; p.hinted > 0 && since < w.plan.AcquireEvery/hintsPerInterval {
		w.breaks("C1: %s looks by a hint %v after the last such look, and its acquire interval is %v", p.name, since, w.plan.AcquireEvery)
	}
	p.hinted = now
	if w.plan.Sources == 0 && !p.nudged.Load() {
		w.breaks("C1: %s looks sooner than it has to, and has no hints", p.name)
	}
}

// judgeVigil checks that a node that begins to lead waits for no more hints. The caller holds the lock.
func (w *world) judgeVigil(p *process) {
	for _, s := range p.sources {
		if h := s.now.Load(); h != nil && h.ctx.Err() == nil {
			w.breaks("Hints: %s leads, and still waits for a hint", p.name)
		}
	}
}

// free returns how long the lease may be nobody's after a release, when all is well: with hints, a standby looks soon. It has just looked,
// because of an earlier hint, and waits for a tenth of the acquire interval before it listens again, and before it looks again.
func (w *world) free() time.Duration {
	free := stretch(w.plan.AcquireEvery)
	if w.plan.Sources > 0 {
		free = min(free, stretch(2*w.plan.AcquireEvery/hintsPerInterval+hintDraw)+request)
	}
	return free + 4*request
}
