//go:build !race

// The explorer looks into nodes that wait, without a lock: the race detector takes that for a race.

package fleet

import (
	"flag"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Without more words only the stories themselves are run: the race detector makes the rest too slow.
var tinyFaults = flag.Int("faults", 0, "how many faults befall along one path of TestExplore")

// slow and fast are the rates of the nodes' clocks. They differ by almost as much as a lease's margin allows.
const slow, fast = 95, 104

// stories tell what goes on if nothing goes wrong.
var stories = []story{
	{name: "a start, the first clock is slow", rates: [2]int{slow, fast}},
	{name: "the coordinator leaves, its clock is fast", rates: [2]int{fast, slow}, event: func(holder, _ *tinyNode) { holder.depart() }},
	{name: "the coordinator crashes, its clock is slow", rates: [2]int{slow, fast}, event: func(holder, _ *tinyNode) { holder.crash(tinyLength) }},
	{name: "the coordinator sleeps, its clock is fast", rates: [2]int{fast, slow}, event: func(holder, _ *tinyNode) { holder.sleep(tinyLength) }},
}

// TestExplore goes through all that can go wrong in the smallest fleet: two nodes, one part. TestWorlds tries worlds by chance; this leaves
// nothing out, within a bound. A story says what happens without faults; and at each point at which something may go wrong, from a story's event
// on for two and a half lease lengths, each of the ways is taken in which it may, and at each later point again, up to the number of faults:
//
//   - a request is lost, or late by almost an interval; a write also by more than an interval, or than a lease length; it arrives twice; its answer
//     is lost, or late;
//   - a node crashes, is suspended for less or for more than a lease length, is to leave, or an operator breaks its seat: three times in an interval;
//   - a work returns late, or later than a lease lasts.
//
// After everything that happens, FS1 to FS3 and F4 are checked; and in the end that both nodes have seats, and one works on the part. What
// happens at other times than these, and in another order, is TestWorlds' to try.
func TestExplore(t *testing.T) {
	for _, s := range stories {
		began := time.Now()
		worlds, broken := exploreTiny(t, s, *tinyFaults)
		if broken != nil {
			t.Fatalf("%s, %v: %v\n%s", s.name, broken.path, broken.broken, strings.Join(broken.told, "\n"))
		}
		t.Logf("%s: exhausted with %d faults, %d worlds, %v", s.name, *tinyFaults, worlds, time.Since(began).Round(time.Millisecond))
		require.True(t, *tinyFaults == 0 || worlds > 300, "an exploration in which little goes wrong shows little")
	}
}

// The explorer finds what is broken.
func TestExploreFinds(t *testing.T) {
	leaves := func(holder, _ *tinyNode) { holder.depart() }
	for _, test := range []struct {
		story  story
		faults int // that it takes
		breaks string
	}{
		{story{name: "a planner that gives a part back under its old token", event: leaves, flaw: keepsTokens}, 0, "FS2"},
		{story{name: "a planner that forgets the giver", event: leaves, flaw: forgetsGivers}, 1, "FS1"},
		{story{name: "a store that writes whatever stands there", careless: true}, 1, "F4|FS1|FS2"},
	} {
		if test.faults > *tinyFaults {
			continue
		}
		test.story.rates = [2]int{slow, fast}
		_, broken := exploreTiny(t, test.story, test.faults)
		require.NotNil(t, broken, test.story.name)
		require.Regexp(t, test.breaks, broken.broken.Error(), test.story.name)
		t.Logf("%s: %v, with %d faults", test.story.name, broken.broken, len(broken.path))
	}
}

func forgetsGivers(base *plan, s situation) *plan {
	next, _ := assign(base, s)
	if next != nil {
		for i := range next.Parts {
			next.Parts[i].From = session{}
		}
	}
	return next
}

func keepsTokens(base *plan, s situation) *plan {
	next, _ := assign(base, s)
	if next != nil {
		for i := range next.Parts {
			next.Parts[i].Token = 1
		}
	}
	return next
}

// exploreTiny runs all worlds of a story with so many faults at most. It returns how many those are, and one in which a promise is broken.
func exploreTiny(t *testing.T, s story, faults int) (worlds int, broken *tiny) {
	for level := [][]deviation{nil}; len(level) > 0 && broken == nil; {
		worlds += len(level)
		var mu sync.Mutex
		var deeper [][]deviation
		var next atomic.Int64
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(level); i = int(next.Add(1)) - 1 {
					w := runTiny(t, s, level[i], len(level[i]) == faults)
					mu.Lock()
					if w.broken != nil && broken == nil {
						broken = w
						next.Store(int64(len(level)))
					}
					deeper = append(deeper, w.deeper()...)
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		level = deeper
	}
	return worlds, broken
}

// deeper returns the paths with one deviation more.
func (w *tiny) deeper() (paths [][]deviation) {
	for _, o := range w.offers {
		for way := 1; way < o.ways; way++ {
			paths = append(paths, append(slices.Clone(w.path), deviation{o.point, way}))
		}
	}
	return paths
}
