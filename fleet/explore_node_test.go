//go:build !race

package fleet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A tinyNode is one run of a program that takes part in the fleet, and its machine: a host.Host whose time the world lets pass.
type tinyNode struct {
	w      *tiny
	number int
	name   string
	rate   time.Duration // hundredths of the true rate
	born   time.Duration
	fleet  *Fleet
	leave  context.CancelFunc
	leaves bool
	gone   chan struct{}
	ended  error
	dead   bool
	asleep bool
	since  time.Duration // when it fell asleep
	slept  time.Duration

	mu     sync.Mutex // the node's goroutines use what follows
	drawn  uint64
	timers []*tinyTimer
	works  *lease.Term // of the work that has not returned
}

// Read implements host.Host. Each clock of a machine runs at its rate.
func (n *tinyNode) Read() host.Reading {
	n.w.clock.Lock()
	defer n.w.clock.Unlock()
	slept := n.slept
	if n.asleep {
		slept += n.w.now - n.since
	}
	all := (n.w.now - n.born) * n.rate / 100
	return host.Reading{Mono: (n.w.now - n.born - slept) * n.rate / 100, Wall: all, Boot: time.Hour + all}
}

// Now implements host.Host.
func (n *tinyNode) Now() time.Time { return time.Unix(0, int64(n.Read().Wall)) }

// Uint64 implements host.Host. The numbers differ, and are multiples of what code divides them by: so nothing jitters, and the first of several
// seats is taken.
func (n *tinyNode) Uint64() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drawn++
	return (uint64(len(n.name))<<20 + uint64(n.number)<<16 + uint64(n.born/time.Millisecond)<<24 + n.drawn) * uint64(tinyInterval/16) * 3
}

type tinyTimer struct {
	n   *tinyNode
	due time.Duration // by the monotonic clock
	do  func()
}

// AfterFunc implements host.Host.
func (n *tinyNode) AfterFunc(d time.Duration, do func()) host.Timer {
	t := &tinyTimer{n, n.Read().Mono + d, do}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timers = append(n.timers, t)
	return t
}

// Stop implements host.Timer.
func (t *tinyTimer) Stop() bool {
	t.n.mu.Lock()
	defer t.n.mu.Unlock()
	i := slices.Index(t.n.timers, t)
	if i >= 0 {
		t.n.timers = slices.Delete(t.n.timers, i, i+1)
	}
	return i >= 0
}

func (t *tinyTimer) ring() {
	if t.Stop() {
		go t.do()
	}
}

// nextTimer returns the timer that is due next, and when that is.
func (w *tiny) nextTimer() (next *tinyTimer, at time.Duration) {
	for _, n := range w.all {
		if n.dead || n.asleep {
			continue
		}
		mono := n.Read().Mono
		n.mu.Lock()
		for _, t := range n.timers {
			if w.over && t.due > mono {
				continue
			}
			if due := w.now + ((t.due-mono)*100+n.rate-1)/n.rate; next == nil || due < at {
				next, at = t, due
			}
		}
		n.mu.Unlock()
	}
	return next, at
}

func (n *tinyNode) crash(restart time.Duration) {
	w := n.w
	w.say("%s crashes", n.name)
	w.change(func() { n.dead = true })
	w.nodes[n.number] = nil
	w.after(restart, func() { w.start(n.number) })
}

func (n *tinyNode) sleep(d time.Duration) {
	w := n.w
	if n.asleep {
		return
	}
	w.say("%s sleeps for %v", n.name, d)
	w.change(func() { n.asleep, n.since = true, w.now })
	w.after(d, func() {
		if w.over || n.dead {
			return
		}
		w.say("%s wakes", n.name)
		w.change(func() { n.asleep, n.slept = false, n.slept+w.now-n.since })
	})
}

// depart has the node leave in order. It comes again an interval after it has gone.
func (n *tinyNode) depart() {
	w := n.w
	w.say("%s is to leave", n.name)
	n.leaves = true
	n.leave()
	var look func()
	look = func() {
		select {
		case <-n.gone:
			w.say("%s has left", n.name)
			if w.nodes[n.number] == n {
				w.nodes[n.number] = nil
				w.after(tinyInterval, func() { w.start(n.number) })
			}
		default:
			w.after(tinyInterval/2, look)
		}
	}
	w.after(tinyInterval/2, look)
}

// beBroken has an operator break the lease of the node's seat. Its record is then an acquisition by nobody that is left to run out.
func (n *tinyNode) beBroken() {
	w := n.w
	for name, c := range w.cells {
		if r := c.record; strings.Contains(name, "/seats/") && strings.Contains(c.data, strconv.Quote(n.name)) && !r.Released && !r.Broken {
			w.say("%s, token %d, of %s is broken", name, r.Token, n.name)
			data := strings.Replace(c.data, `"token":`+strconv.FormatUint(r.Token, 10), `"token":`+strconv.FormatUint(r.Token+1, 10)+`,"broken":true`, 1)
			data = strings.Replace(data, strconv.Quote(r.ID), strconv.Quote("broken "+r.ID), 1)
			w.write(name, data, readSim(data))
			return
		}
	}
}

// work is the work of the part: it goes on until its context ends, and then takes as long as the explorer says.
func (n *tinyNode) work(ctx context.Context, _ string) error {
	term, _ := lease.TermFrom(ctx)
	w := n.w
	n.mu.Lock()
	w.clock.Lock()
	goesOn := !n.dead && !w.over
	w.clock.Unlock()
	if goesOn {
		w.begins(n, term)
		n.works = &term
	}
	n.mu.Unlock()
	<-ctx.Done()
	l := &letter{from: n, back: make(chan answer, 1), tidies: true}
	w.post(l)
	select {
	case <-l.back:
	case <-w.closed:
	}
	n.mu.Lock()
	n.works = nil
	n.mu.Unlock()
	return nil
}

// begins checks FS2. FS1 is checked whenever something has happened.
func (w *tiny) begins(n *tinyNode, term lease.Term) {
	token := term.Token()
	w.say("%s begins with token %d", n.name, token)
	if n.works != nil {
		w.breaks("F1: %s runs its work twice", n.name)
	}
	if token <= w.token {
		w.breaks("FS2: %s begins with token %d after token %d", n.name, token, w.token)
	}
	w.token = token
}

var errTinyLost = errors.New("the connection broke")
