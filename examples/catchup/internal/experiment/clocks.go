package experiment

import (
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// clocks are those of a virtual machine that can be paused and resumed without noticing it: all of them stand still meanwhile,
// and its timers, too. No lease can see that.
type clocks struct {
	mu     sync.Mutex
	now    host.Reading  // while they stand still
	since  time.Time     // when they stopped; zero: they run
	missed time.Duration // how long they have stood still
	thawed chan struct{} // closed when they run
}

func newClocks() *clocks {
	c := &clocks{thawed: make(chan struct{})}
	close(c.thawed)
	return c
}

func (c *clocks) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.since, c.thawed = c.read(), time.Now(), make(chan struct{})
}

func (c *clocks) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed += time.Since(c.since)
	c.since = time.Time{}
	close(c.thawed)
}

// Read implements host.Host.
func (c *clocks) Read() host.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *clocks) read() host.Reading {
	if !c.since.IsZero() {
		return c.now
	}
	r := host.System.Read()
	r.Mono -= c.missed
	r.Wall -= c.missed
	if r.Boot != 0 {
		r.Boot -= c.missed
	}
	return r
}

// Now implements host.Host.
func (c *clocks) Now() time.Time { return time.Unix(0, int64(c.Read().Wall)) }

// Uint64 implements host.Host.
func (c *clocks) Uint64() uint64 { return host.System.Uint64() }

// AfterFunc implements host.Host.
func (c *clocks) AfterFunc(d time.Duration, f func()) host.Timer {
	t := &timer{clocks: c, due: c.Read().Mono + d, f: f}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.real = time.AfterFunc(d, t.ring)
	return t
}

type timer struct {
	clocks *clocks
	due    time.Duration
	f      func()

	mu   sync.Mutex
	real *time.Timer
	over bool // stopped, or f was called
}

// ring calls f if it is due by the clocks, and else waits for the rest.
func (t *timer) ring() {
	t.clocks.mu.Lock()
	thawed := t.clocks.thawed
	t.clocks.mu.Unlock()
	<-thawed
	left := t.due - t.clocks.Read().Mono
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	if left > 0 {
		t.real = time.AfterFunc(left, t.ring)
		t.mu.Unlock()
		return
	}
	t.over = true
	t.mu.Unlock()
	t.f()
}

// Stop implements host.Timer.
func (t *timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	stopped := !t.over
	t.over = true
	t.real.Stop()
	return stopped
}
