package simulate

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	number = flag.Int("worlds", worldsByDefault, "how many worlds TestWorlds runs")
	first  = flag.Uint64("seed", 1, "the first world's seed")
	tell   = flag.Bool("tell", false, "print each world's history")
)

// run runs a plan in a bubble of its own.
func run(t *testing.T, plan Plan, tell bool) (r Result) {
	synctest.Test(t, func(*testing.T) { r = Run(plan, tell) })
	return r
}

// shrunk is the smallest world that is found to be broken, with its history.
func shrunk(t *testing.T, broken Result) Result {
	small := Shrink(broken, func(p Plan) Result { return run(t, p, false) })
	told := run(t, small.Plan, true)
	require.Equal(t, small.Broken, told.Broken, "a world that is told is the same")
	require.Equal(t, small.Sum, told.Sum, "a world that is told is the same")
	return told
}

// TestWorlds runs worlds on all processors. The first that breaks a promise is shrunk and told.
func TestWorlds(t *testing.T) {
	begun, steps, counts := time.Now(), 0, map[string]int{}
	var mu sync.Mutex
	var next atomic.Uint64
	next.Store(*first)
	t.Run("all", func(t *testing.T) {
		for cpu := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(cpu), func(t *testing.T) {
				t.Parallel()
				for !t.Failed() {
					seed := next.Add(1) - 1
					if seed >= *first+uint64(*number) {
						return
					}
					r := run(t, NewPlan(seed), *tell)
					if r.Broken != nil {
						t.Errorf("%s", story(shrunk(t, r)))
					}
					if *tell {
						t.Logf("%v%s", r.Plan, r.History)
					}
					mu.Lock()
					steps += r.Steps
					for what, n := range r.Counts {
						counts[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	took := time.Since(begun)
	t.Logf("%d worlds, %.0f a second, %.1f million steps", *number, float64(*number)/took.Seconds(), float64(steps)/1e6)
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%10d  %s", counts[what], what)
	}
	if *number < 100 {
		return // too few to count on
	}
	for what, floor := range floors {
		assert.GreaterOrEqual(t, counts[what], int(floor*float64(*number)), "worlds that exercise nothing prove nothing: %s", what)
	}
}

// floors is how often, per world, a thing has to come about at least: about half of what was seen.
var floors = map[string]float64{
	"terms":                      3,
	"effects":                    45,
	"effects that Check forbade": 2.5,
	"crashes of a leader":        0.6,
	"sleeps of a leader, longer than its lease": 0.15,
	"takeovers: released (R1a)":                 1.2,
	"takeovers: watched (R1b)":                  1,
	"takeovers: by age (R1c)":                   0.25,
	"takeovers: own failed acquisition (R6)":    0.2,
	"adoptions (R4)":                            1.2,
	"terms lost: expired":                       0.8,
	"terms lost: taken":                         0.1,
	"terms lost: gone":                          0.08,
	"records deleted":                           0.18,
	"conflicts":                                 10,
	"leases broken":                             0.05,
	"request (lost)":                            3,
	"request (answer lost)":                     5,
	"request (late)":                            4,
	"request (repeated)":                        6,
	"request (throttled)":                       4,
	"stale writes that the register refused":    0.5,
	"overruns":                                  0.25,
	"work panics":                               0.02,
	"event: rewind":                             0.15,

	"request (does not return when its context ends)": 4,
}

func story(r Result) string {
	lines := strings.Split(r.History, "\n")
	return fmt.Sprintf("%v\n%v\n%s\nAgain: go test ./internal/simulate -run TestWorlds -seed %d -worlds 1 -tell\n",
		r.Broken, r.Plan, strings.Join(lines[max(0, len(lines)-400):], "\n"), r.Plan.Seed)
}

// The same seed gives the same history, byte for byte, and the same times to the nanosecond; also when the scheduler has
// much to choose from.
func TestDeterministic(t *testing.T) {
	for part := range uint64(8) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for seed := *first + part; seed < *first+80; seed += 8 {
				one, two := run(t, NewPlan(seed), true), run(t, NewPlan(seed), true)
				require.Equal(t, strings.Split(one.History, "\n"), strings.Split(two.History, "\n"), "seed %d", seed)
				require.Equal(t, one.Sum, two.Sum, "seed %d", seed)
				require.NotEmpty(t, one.History)
				require.Equal(t, one.Sum, run(t, NewPlan(seed), false).Sum, "seed %d, told or not", seed)
			}
		})
	}
}

// A machine whose clock runs at twice the speed is more than is promised to be withstood. So its world breaks, and is
// shrunk to one that has no more than that.
func TestShrink(t *testing.T) {
	for seed := *first; seed < *first+50; seed++ {
		plan := NewPlan(seed)
		plan.Machines[0].Rate = 2
		broken := run(t, plan, false)
		if broken.Broken == nil {
			continue
		}
		small := shrunk(t, broken)
		t.Logf("seed %d: from %d steps to %d", seed, broken.Steps, small.Steps)
		require.Error(t, small.Broken)
		require.Less(t, small.Steps, broken.Steps)
		require.LessOrEqual(t, len(small.Plan.Events), len(broken.Plan.Events))
		require.Equal(t, 2.0, small.Plan.Machines[0].Rate, "it is not for another reason that it breaks")
		require.Equal(t, small.History, run(t, small.Plan, true).History)
		require.Contains(t, story(small), fmt.Sprintf("-seed %d ", seed))
		return
	}
	t.Fatal("no world broke")
}
