package explore

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	nodes        = flag.Int("nodes", 2, "2 or 3")
	acquisitions = flag.Int("acquisitions", 2, "how often the lease is acquired")
	faults       = flag.Int("faults", faultsByDefault, "how many faults befall along one path")
	steps        = flag.Int("steps", 3, "how many steps of time a lease's length has, 3 to 9")
	ages         = flag.Bool("ages", false, "the store tells how old a write is")
	values       = flag.Bool("values", false, "each term changes the lease's value once")
	states       = flag.Int("states", 0, "cut off once there are so many states; 0: never")
)

// explore goes through a bound, and prints the path to a broken promise.
func explore(t *testing.T, b Bound) Result {
	r := Explore(b, t.Logf)
	if r.Broken != nil {
		t.Fatalf("%v\n%s\n%v", r.Broken, strings.Join(r.Path, "\n"), r)
	}
	t.Log(r)
	return r
}

// All that can happen within the bound keeps S1, S2 and the other promises that the explorer checks.
func TestExplore(t *testing.T) {
	r := explore(t, Bound{
		Nodes: *nodes, Acquisitions: *acquisitions, Faults: *faults, Steps: *steps, Ages: *ages, Values: *values, MaxStates: *states,
	})
	t.Log(r.Counts)
	require.True(t, r.Exhausted || *states > 0)
	exercised := []string{
		"takeovers after a release", "conflicts", acquires.String(), renews.String(), finishes.String(), releases.String(),
		leaves.String(), arrives.String(), answered.String(), aStep.String(), "takeovers after expiry",
	}
	if *faults > 0 {
		exercised = append(exercised, "late writes", lands.String(), fails.String(), repeats.String(), crashes.String(),
			sleeps.String(), wakes.String(), stepsForward.String(), stepsBack.String(), rewinds.String())
	}
	for _, what := range exercised {
		require.Greater(t, r.Counts[what], r.Bound.Acquisitions, "an exploration in which nothing happens shows nothing: %s", what)
	}
}

// The same holds with a store that knows how old a write is (R1c), with finer steps, and for a value that each term changes.
func TestExploreOtherwise(t *testing.T) {
	for _, b := range []Bound{
		{Nodes: 2, Acquisitions: 2, Steps: 3, Ages: true, MaxDepth: depthOfOthers},
		{Nodes: 2, Acquisitions: 2, Steps: 5, MaxDepth: depthOfOthers},
		{Nodes: 2, Acquisitions: 2, Steps: 3, Values: true, MaxDepth: depthOfOthers},
	} {
		require.True(t, explore(t, b).Exhausted || depthOfOthers > 0)
	}
}
