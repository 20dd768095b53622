package failover

import (
	"context"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/failover/candidate"
)

// A pulse notices when the machine itself stood still, or had its wall clock stepped, as happens to virtual machines that are
// moved or copied. Then leases run out by some clocks and not by others, and what is measured is not a failover.
type pulse struct {
	mu    sync.Mutex
	last  time.Duration // when it last noticed that
	found []float64     // for each time, by how many seconds
}

const (
	beat      = 200 * time.Millisecond
	tolerated = time.Second // a busy machine is late by less
)

// watch runs until ctx ends.
func (p *pulse) watch(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for mono, wall := candidate.Now(), time.Now().Round(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, today := candidate.Now(), time.Now().Round(0) // without its monotonic clock
		p.note(now, now-mono, today.Sub(wall))
		mono, wall = now, today
	}
}

// note takes the time that has passed since the last call, by two clocks.
func (p *pulse) note(now, mono, wall time.Duration) {
	off := max(mono-beat, wall-beat, mono-wall)
	if off < tolerated {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	p.found = append(p.found, float64(off.Milliseconds())/1000)
}

// missed reports whether the machine stood still since the given time.
func (p *pulse) missed(since time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.found) > 0 && p.last >= since
}

func (p *pulse) all() []float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found
}
