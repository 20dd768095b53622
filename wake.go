package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// WithWake adds a way for a standby to learn soon that the lease may be free. A lease manager that is a lease.Watcher is such a
// way already. WithWake may be given several times.
//
// Run calls wait, in a goroutine, while this node asks for a lease that another one holds, with what the latest look at it has
// shown. wait returns nil as soon as the lease may have changed hands since, and an error if it can tell nothing. Its context ends when another
// holder is seen, and when this node asks no more. After nil this node looks at the lease soon, and then calls wait again. After an error it calls
// wait again after an acquire interval. The first error of a Run is logged.
//
// A hint decides nothing: it makes this node ask sooner than it would have done, at most once in a tenth of the acquire
// interval. Without hints, it asks at each acquire interval as ever. So wait may be wrong, hang or panic: safety never depends on it.
func WithWake(wait func(ctx context.Context, seen lease.Info) error) Option {
	return option("WithWake", func(o *options) { o.wakes = append(o.wakes, wait) })
}

// Hint tells this node that somebody may have changed the lease. A node that leads renews the lease soon, and so finds what somebody
// asks of it (lease.Ask). A standby asks for the lease soon. Either sends at most one request in a tenth of its interval because of
// hints. A hint decides nothing, and Hint does not wait. It may be called at any time; if Run does not
// run, it does nothing.
func (l *Leader) Hint() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.hints <- struct{}{}:
	default: // there is one already, or no run
	}
}

const (
	// wakesPerInterval bounds the looks that hints cause in an acquire interval, and the renewals in a renew interval.
	wakesPerInterval = 10

	// A look that a hint causes comes after a random time, at most this part of an acquire interval and longestDraw: so not all
	// standbys try to write at once.
	drawnPart   = 256
	longestDraw = 20 * time.Millisecond
)

// A vigil is the time in which a standby campaigns. Once a look has found that another node holds the lease, the sources of hints
// are listened to. They end with it.
type vigil struct {
	run   *run
	ctx   context.Context
	end   context.CancelFunc
	begun []bool        // which sources are listened to
	heard bool          // the wait was cut short by a hint
	hints chan struct{} // of WithWake; has room for one
	watch chan watch    // has room for one

	watched <-chan struct{} // the hints of the lease manager; nil: there are none now

	mu    sync.Mutex
	sight sight
}

// A watch is the answer of the lease manager's Watch.
type watch struct {
	hints <-chan struct{}
	err   error
}

// A sight tells what the latest look has shown.
type sight struct {
	info  lease.Info
	ctx   context.Context // ends when a look shows another holder
	leave context.CancelFunc
	next  chan struct{} // closed when the next look has been answered
}

// A source gives hints. At most one goroutine of a Leader listens to each, also if an earlier one is stuck in the user's code.
type source struct {
	name   string
	listen func(v *vigil, s *source)
	failed bool // which was logged
}

func (r *run) newVigil() *vigil {
	v := &vigil{run: r, hints: make(chan struct{}, 1), watch: make(chan watch, 1), begun: make([]bool, len(r.sources))}
	v.ctx, v.end = context.WithCancel(r.ctx)
	return v
}

// newSources returns where hints come from. The lease manager is the first.
func newSources(o *options) (all []*source) {
	all = append(all, &source{name: "the lease manager's Watch", listen: (*vigil).askManager})
	for _, wait := range o.wakes {
		all = append(all, &source{name: "WithWake", listen: func(v *vigil, s *source) { v.follow(s, wait) }})
	}
	return all
}

// pause waits for d, or until a hint makes this node look sooner, or until ctx ends. It reports whether the run goes on.
func (v *vigil) pause(d time.Duration) bool {
	r := v.run
	if r.ctx.Err() != nil {
		return false
	}
	until := r.mono() + d
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	hints, told, watched := v.hints, r.leader.hints, v.watched
	for {
		alarm.Set(until - r.mono())
		woken := false
		select {
		case <-alarm.C:
			if v.heard {
				r.woken = r.mono()
			}
			return true
		case <-r.ctx.Done():
			return false
		case w := <-v.watch:
			watched = v.takeWatch(w)
		case _, ok := <-watched:
			if woken = ok; !ok {
				watched = v.takeWatch(watch{err: errWatchEnded})
			}
		case <-hints:
			woken = true
		case <-told:
			woken = true
		}
		if woken {
			hints, told, watched = nil, nil, nil // one is enough
			if at := r.wakesAt(); at < until {
				until, v.heard = at, true
			}
		}
	}
}

// takeWatch goes on with the hints of the lease manager, or without them until a look shows again that the lease is held.
func (v *vigil) takeWatch(w watch) <-chan struct{} {
	v.watched = w.hints
	if w.err != nil && !errors.Is(w.err, errors.ErrUnsupported) {
		v.run.sources[0].fails(v, w.err)
		v.begun[0] = false
	}
	return v.watched
}

// wakesAt returns when a look may come that a hint has caused now.
func (r *run) wakesAt() time.Duration {
	every := r.opts.acquireEvery
	draw := time.Duration(r.host.Uint64() % uint64(max(min(every/drawnPart, longestDraw), 1)))
	return max(r.mono()+draw, r.woken+every/wakesPerInterval)
}

// looks forgets the hints that came before a look: it will show what they told of.
func (v *vigil) looks() {
	v.heard = false
	for _, hints := range []chan struct{}{v.hints, v.run.leader.hints} {
		select {
		case <-hints:
		default:
		}
	}
	select {
	case _, ok := <-v.watched:
		if !ok {
			v.takeWatch(watch{err: errWatchEnded})
		}
	default:
	}
}

// saw notes that a look has found the lease held.
func (v *vigil) saw(info lease.Info) {
	info = copied(info)
	v.mu.Lock()
	before := v.sight
	v.sight.info, v.sight.next = info, make(chan struct{})
	if before.ctx == nil || before.info.ID != info.ID || !maps.Equal(before.info.Attributes, info.Attributes) {
		v.sight.ctx, v.sight.leave = context.WithCancel(v.ctx)
	}
	v.mu.Unlock()
	if before.ctx != nil {
		close(before.next)
		if before.ctx != v.sight.ctx {
			before.leave()
		}
	}
	for i, s := range v.run.sources {
		v.begin(i, s)
	}
}

// begin listens to a source, unless that goes on already, perhaps since an earlier campaign.
func (v *vigil) begin(i int, s *source) {
	listening := v.run.leader.listening
	if v.begun[i] {
		return
	}
	if before := listening[i]; before != nil {
		select {
		case <-before:
		default:
			return
		}
	}
	v.begun[i] = true
	done := make(chan struct{})
	listening[i] = done
	v.run.requests.Go(func() {
		defer close(done)
		s.listen(v, s)
	})
}

// seen returns what the latest look has shown.
func (v *vigil) seen() sight {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sight
}

func (v *vigil) hint() {
	select {
	case v.hints <- struct{}{}:
	default: // there is one already
	}
}

// askManager asks the lease manager for hints. It needs no goroutine after that.
func (v *vigil) askManager(s *source) {
	var w watch
	w.err = v.guard(s, func() (err error) {
		w.hints, err = lease.Watch(v.ctx, v.run.opts.manager, v.run.opts.lease)
		return err
	})
	v.watch <- w // only one is asked for at a time
}

// follow listens to a function of the user's.
func (v *vigil) follow(s *source, wait func(context.Context, lease.Info) error) {
	for r, every := v.run, v.run.opts.acquireEvery; ; {
		seen, began := v.seen(), r.mono()
		err := v.guard(s, func() error { return wait(seen.ctx, copied(seen.info)) })
		switch {
		case v.ctx.Err() != nil:
			return
		case seen.ctx.Err() != nil: // by now another node holds the lease
		case err == nil:
			next := v.seen().next
			v.hint()
			select {
			case <-next:
			case <-v.ctx.Done():
				return
			}
		default:
			s.fails(v, err)
			r.pauseIn(seen.ctx, every)
		}
		if !r.pauseIn(v.ctx, began+every/wakesPerInterval-r.mono()) {
			return
		}
	}
}

// guard calls the user's code, which may panic. If it ends its goroutine, the source is silent for the rest of the campaign.
func (v *vigil) guard(s *source, call func() error) (err error) {
	err = errGoexit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		} else if err == errGoexit {
			s.fails(v, err)
		}
	}()
	return sound(call())
}

// fails logs the first failure of a source.
func (s *source) fails(v *vigil, err error) {
	if s.failed || v.ctx.Err() != nil {
		return
	}
	s.failed = true
	v.run.remark(slog.LevelWarn, "this node is not woken when the lease is free: it asks at each acquire interval, as it does without", slog.String("source", s.name),
		slog.Any("err", err))
}

var errWatchEnded = errors.New("it has ended by itself")
