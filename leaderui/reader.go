package leaderui

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// A state is the store as the reader knows it. It does not change: each look makes another.
type state struct {
	glance
	place    string
	at       time.Time     // when the latest look that succeeded had its answer; zero: none has
	took     time.Duration // that look
	pause    time.Duration // from the end of that look to the beginning of the next
	err      error         // of the latest look; nil: it succeeded
	failing  time.Time     // since when looks have failed
	changes  []Change      // oldest first
	troubles []Trouble
	plain    []*sight // those of no fleet
	counts   []string // how many there are, for people
	calm     string   // what to say if there are no troubles
}

// A reader looks at the store for all browsers together, and only while somebody watches.
type reader struct {
	manager  lease.Manager
	every    time.Duration
	rate     float64       // requests a second, at most
	patience time.Duration // how long one answer may take

	mu       sync.Mutex
	streams  int           // that are open
	until    time.Time     // a page was asked for so lately that it counts as watched
	next     time.Time     // no look before that
	running  chan struct{} // closed when the goroutine has ended; nil: there is none
	stop     context.CancelFunc
	over     chan struct{} // closed when the reader is
	state    *state
	asking   time.Time     // when the look under way had its latest answer, or began; zero: none is
	news     chan struct{} // closed when there is another state
	hurry    chan struct{} // has an element if the next look is to come at once
	history  history
	failures int
	paid     time.Time // from then on, another look keeps the bounds of rate and rest
	early    time.Time // from then on, one may come that a person waits for, and the next one is later for it
}

const (
	// linger is how long a page counts as watched after it was asked for: more than the time after which one without a script
	// reloads.
	linger = 15 * time.Second
	// slow is how long the store may take for an answer before that is trouble.
	slow = 5 * time.Second
	// rest bounds the share of the time in which looks are under way: a list of very many files takes a processor.
	rest = 4
	// longest is the longest pause after a look that has failed.
	longest = 10 * time.Second
)

func newReader(m lease.Manager, o options) *reader {
	return &reader{
		manager: m, every: max(o.every, MinEvery), rate: o.rate, patience: o.patience, state: &state{place: lease.PlaceOf(m)}, news: make(chan struct{}), hurry: make(chan struct{}, 1),
		over: make(chan struct{}),
	}
}

// visit has the reader look for a while, since somebody has asked for a page.
func (r *reader) visit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Now().Add(linger)
	r.start()
}

// watch has the reader look until the returned function is called. It returns false if too many watch.
func (r *reader) watch() (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == mostStreams || r.isClosed() {
		return nil, false
	}
	r.streams++
	r.start()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.streams--
	}, true
}

// start starts the goroutine if there is none. It is called with the lock held.
func (r *reader) start() {
	if r.running != nil || r.isClosed() {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	r.running, r.stop = make(chan struct{}), stop
	go r.run(ctx, r.running, time.Until(r.next))
}

// close ends the goroutine, and waits for it.
func (r *reader) close() {
	r.mu.Lock()
	if !r.isClosed() {
		close(r.over)
	}
	running := r.running
	if running != nil {
		r.stop()
	}
	r.mu.Unlock()
	if running != nil {
		<-running
	}
}

func (r *reader) isClosed() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// latest returns the state, since when a look has had no answer (zero: none is under way), and a channel that is closed when there is
// something new.
func (r *reader) latest() (s *state, asking time.Time, news <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state, r.asking, r.news
}

// now has the next look come at once, or as soon as it may. It is for what a person has changed.
func (r *reader) now() {
	select {
	case r.hurry <- struct{}{}:
	default:
	}
}

func (r *reader) run(ctx context.Context, ended chan struct{}, pause time.Duration) {
	defer close(ended)
	for r.wait(ctx, pause) {
		pause = r.look(ctx)
	}
}

// wait waits until the next look is due. It reports whether one is still wanted; if not, the goroutine counts as ended.
func (r *reader) wait(ctx context.Context, pause time.Duration) bool {
	first := min(max(time.Until(r.early), 0), pause)
	sleep(ctx, first, nil)
	sleep(ctx, pause-first, r.hurry)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil && (r.streams > 0 || time.Now().Before(r.until)) {
		return true
	}
	r.stop()
	r.running = nil
	return false
}

// sleep ends after d, with ctx, or with an element in hurry.
func sleep(ctx context.Context, d time.Duration, hurry <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-hurry:
	case <-timer.C:
	}
}

// look looks at the store once, and publishes what it has seen. It returns how long to wait until the next look.
func (r *reader) look(ctx context.Context) (pause time.Duration) {
	begun := time.Now()
	select {
	case <-r.hurry: // what a person has changed until now, this look shows
	default:
	}
	r.mu.Lock()
	s := *r.state
	r.asking = begun
	r.mu.Unlock()
	defer time.AfterFunc(slow, r.tell).Stop()
	g, err := r.lookInTime(ctx)
	now := time.Now()
	s.err = err
	var least time.Duration
	if err != nil {
		r.failures++
		s.requests = max(s.requests, g.requests)
		if s.failing.IsZero() {
			s.failing = begun
		}
		s.pause = max(min(r.every<<min(r.failures-1, 8), longest), r.every) // also if a long one overflows
	} else {
		r.history.add(&g, now)
		r.failures, s.failing = 0, time.Time{}
		s.glance, s.at, s.took, s.changes = g, now, now.Sub(begun), r.history.changes
		s.troubles = troublesOf(&s.glance, s.changes, now)
		s.plain = plainOf(&s)
		by := countStates(&s)
		s.counts, s.calm = countsOf(&s, by), calmOf(by)
		s.pause, least = r.every, rest*s.took
	}
	least = max(least, time.Duration(float64(s.requests)/r.rate*float64(time.Second)))
	s.pause = max(s.pause, least)
	if r.early = now; r.paid.After(now) {
		r.early = r.paid
	}
	r.paid = r.early.Add(least)
	pause = max(s.pause, r.paid.Sub(now))
	r.mu.Lock()
	r.state, r.asking, r.next = &s, time.Time{}, now.Add(pause)
	r.mu.Unlock()
	r.tell()
	return pause
}

// lookInTime gives up once the store has sent nothing for too long.
func (r *reader) lookInTime(ctx context.Context) (glance, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(r.patience, func() { cancel(fmt.Errorf("the store has not answered within %v", r.patience)) })
	defer silent.Stop()
	g, err := lookAt(ctx, r.manager, func() {
		silent.Reset(r.patience)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asking = time.Now()
	})
	return g, failure.WithCause(ctx, err)
}

// tell wakes all who wait for news.
func (r *reader) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.news)
	r.news = make(chan struct{})
}
