package simulate

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A tour runs the worlds of consecutive seeds, on all processors. The first one that breaks a promise is shrunk and told.
type tour struct {
	first  uint64
	number int

	mu     sync.Mutex
	begun  time.Time
	next   uint64
	under  map[int]uint64 // the seed that each processor is at
	done   int
	steps  int
	counts map[string]int
}

func newTour(first uint64, number int) *tour {
	return &tour{first: first, number: number, next: first, under: map[int]uint64{}, counts: map[string]int{}, begun: time.Now()}
}

func (u *tour) run(t *testing.T) {
	over := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() { u.tell(t, over) })
	t.Run("all", func(t *testing.T) {
		for cpu := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(cpu), func(t *testing.T) {
				t.Parallel()
				for seed, ok := u.take(cpu); ok && !t.Failed(); seed, ok = u.take(cpu) {
					u.visit(t, seed)
				}
			})
		}
	})
	close(over)
	told.Wait()
	if !t.Failed() {
		u.sum(t)
	}
}

// take returns the next seed, for a processor.
func (u *tour) take(cpu int) (seed uint64, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.under, cpu)
	if u.next-u.first >= uint64(u.number) {
		return 0, false
	}
	u.next++
	u.under[cpu] = u.next - 1
	return u.next - 1, true
}

func (u *tour) visit(t *testing.T, seed uint64) {
	r := run(t, NewPlan(seed), *tell)
	if r.Broken != nil {
		t.Errorf("%s", story(shrunk(t, r)))
		return
	}
	if *tell {
		t.Logf("%v%s", r.Plan, r.History)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done++
	u.steps += r.Steps
	for what, n := range r.Counts {
		u.counts[what] += n
	}
}

// tell prints every minute how far the tour is, and how to continue from there: a million worlds take an hour or more.
func (u *tour) tell(t *testing.T, over <-chan struct{}) {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-over:
			return
		case <-every.C:
		}
		u.mu.Lock()
		from := u.next
		for _, seed := range u.under {
			from = min(from, seed)
		}
		t.Logf("%d of %d worlds, %.0f a second; those before seed %d are done (on from there: make simulate SEED=%d N=%d)",
			u.done, u.number, float64(u.done)/time.Since(u.begun).Seconds(), from, from, u.number-int(from-u.first))
		u.mu.Unlock()
	}
}

// sum prints what was exercised.
func (u *tour) sum(t *testing.T) {
	took := time.Since(u.begun)
	t.Logf("%d worlds, %.0f a second, %.1f million steps", u.number, float64(u.number)/took.Seconds(), float64(u.steps)/1e6)
	for _, what := range slices.Sorted(maps.Keys(u.counts)) {
		t.Logf("%10d  %s", u.counts[what], what)
	}
	if u.number < 100 {
		return // too few for floors to apply
	}
	for what, floor := range allFloors() {
		least := floor * float64(u.number)
		if least >= 20 { // fewer are a matter of chance
			assert.GreaterOrEqual(t, u.counts[what], int(least), "worlds that exercise nothing prove nothing: %s", what)
		}
	}
}

// allFloors says how often, per world, a thing has to come about at least: about half as often as was seen.
func allFloors() map[string]float64 {
	all := maps.Clone(floors)
	for _, f := range faults {
		all[f.String()] = f.floor
	}
	return all
}

// floors are those of what is no fault.
var floors = map[string]float64{
	"terms":                      3,
	"effects":                    45,
	"effects that Check forbade": 2.5,
	"crashes of a leader":        0.6,
	"sleeps of a leader, longer than its lease":        0.15,
	"takeovers: released (R1a)":                        1.2,
	"takeovers: watched (R1b)":                         1,
	"takeovers: by age (R1c)":                          0.2,
	"takeovers: own failed acquisition (R6)":           0.2,
	"adoptions (R4)":                                   1,
	"terms lost: expired":                              0.8,
	"terms lost: taken":                                0.1,
	"terms lost: gone":                                 0.03,
	"terms lost: the wall clock was stepped back":      0.04,
	"request: muted":                                   0.8,
	"request: refused":                                 2,
	"records deleted":                                  0.12,
	"conflicts":                                        10,
	"leases broken":                                    0.1,
	"looks":                                            2,
	"looks that hints have caused":                     4,
	"lists":                                            0.6,
	"looks at a lease that is not held":                0.3,
	"failed acquisitions that saw who won":             0.3,
	"step downs while the lease is asked for":          0.02,
	"health checks that failed once in a while":        0.6,
	"stale writes that the register refused":           0.4,
	"overruns":                                         0.25,
	"naps of a leader":                                 0.2,
	"wishes asked":                                     0.08,
	"acquisitions by the node that was named":          0.035,
	"acquisitions in place of the node that was named": 0.07,
	"hand-overs to a node that stands by":              0.018,
	"releases of a job that is done":                   0.02,

	"given up: it steps down, and the next is shut down": 0.03,
	"given up: it steps down":                            0.03,
	"given up: its health check fails once":              0.03,
	"given up: its renewals do not arrive":               0.03,
	"given up: its renewals and releases do not arrive":  0.03,
	"given up: the lease is broken":                      0.03,
	"given up: it hands over":                            0.03,
	"given up: it is asked to hand over":                 0.03,
}
