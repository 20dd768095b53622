package simulate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

var (
	number = flag.Int("worlds", worldsByDefault, "how many worlds TestWorlds runs")
	first  = flag.Uint64("seed", 1, "the first world's seed")
	tell   = flag.Bool("tell", false, "print each world's history")
)

// run runs a plan in its own bubble.
func run(t *testing.T, plan Plan, tell bool) (r Result) {
	synctest.Test(t, func(*testing.T) { r = Run(plan, tell) })
	return r
}

// shrunk returns the smallest broken world that Shrink finds, with its history.
func shrunk(t *testing.T, broken Result) Result {
	small := Shrink(broken, func(p Plan) Result { return run(t, p, false) })
	told := run(t, small.Plan, true)
	require.Equal(t, small.Broken, told.Broken, "a world that is told is the same")
	require.Equal(t, small.Sum, told.Sum, "a world that is told is the same")
	return told
}

// TestWorlds runs the same worlds each time, or those that -seed and -worlds ask for.
func TestWorlds(t *testing.T) { newTour(*first, *number).run(t) }

// TestNewWorlds runs worlds that nobody has seen before. They are fewer than TestWorlds', as make test has little time.
func TestNewWorlds(t *testing.T) {
	tour := newTour(rand.Uint64()>>1, max(*number/5, 1))
	fmt.Printf("new worlds: seeds from %d on (again: make simulate SEED=%d N=%d)\n", tour.first, tour.first, tour.number)
	tour.run(t)
}

func story(r Result) string {
	lines := strings.Split(r.History, "\n")
	return fmt.Sprintf("%v\n%v\n%s\nAgain: go test ./internal/simulate -run TestWorlds -seed %d -worlds 1 -tell\n",
		r.Broken, r.Plan, strings.Join(lines[max(0, len(lines)-400):], "\n"), r.Plan.Seed)
}

// The same seed gives the same history, byte for byte, and the same times to the nanosecond, also when the scheduler has much to
// choose from.
func TestDeterministic(t *testing.T) {
	for part := range uint64(8) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for seed := *first + part; seed < *first+runTwice; seed += 8 {
				one, two := run(t, NewPlan(seed), true), run(t, NewPlan(seed), true)
				require.Equal(t, strings.Split(one.History, "\n"), strings.Split(two.History, "\n"), "seed %d", seed)
				require.Equal(t, one.Sum, two.Sum, "seed %d", seed)
				require.NotEmpty(t, one.History)
				require.Equal(t, one.Sum, run(t, NewPlan(seed), false).Sum, "seed %d, told or not", seed)
			}
		})
	}
}

// A clock that runs twice as fast as true time is beyond what the design allows for. So its world breaks, and shrinks to
// a plan that still has this clock.
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
		require.LessOrEqual(t, small.Steps, broken.Steps)
		require.Less(t, len(drawnFaults(small.Plan)), len(drawnFaults(broken.Plan)))
		require.Equal(t, 2.0, small.Plan.Machines[0].Rate, "it is not for another reason that it breaks")
		require.Equal(t, small.History, run(t, small.Plan, true).History)
		require.Contains(t, story(small), fmt.Sprintf("-seed %d ", seed))
		return
	}
	t.Fatal("no world broke")
}
