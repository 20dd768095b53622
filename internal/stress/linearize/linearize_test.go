package linearize

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

var histories = flag.Int("histories", 2, "how many histories of each kind TestServices makes of each service")

const atOnce = 2 // histories of one service and kind

// TestServices runs all services side by side, however few processors there are: their clients wait more than they work.
func TestServices(t *testing.T) {
	t.Parallel()
	inParallel(len(services), slices.Sorted(maps.Keys(services)), func(name string) {
		t.Run(name, func(t *testing.T) {
			s := services[name](t)
			kinds := map[string]func(*testing.T){"leases": s.leases}
			if !s.native { // a native manager has no store below it
				kinds["cells"] = s.cells
			}
			inParallel(len(kinds), slices.Sorted(maps.Keys(kinds)), func(kind string) { t.Run(kind, kinds[kind]) })
			t.Run("checkpoints", s.checkpoints) // not beside the others, which are busy enough
		})
	})
}

func inParallel[T any](atOnce int, all []T, run func(T)) {
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for _, each := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			run(each)
		})
	}
	wait.Wait()
}

func (s service) cells(t *testing.T) {
	s.all(t, enoughOfCells, func(t *testing.T, names []string) (map[string]int, int) {
		h, faults := s.playCells(t, enoughOfCells, names...)
		assert.NoError(t, h.Check(checkLimit, ""))
		return h.Counts(), faults
	})
}

func (s service) leases(t *testing.T) {
	s.all(t, enoughOfLeases, func(t *testing.T, names []string) (map[string]int, int) {
		h, faults := s.playLeases(t, enoughOfLeases, names...)
		assert.NoError(t, h.Check(checkLimit, ""))
		return h.Counts(), faults
	})
}

func (s service) checkpoints(t *testing.T) {
	s.all(t, enoughOfCheckpoints, func(t *testing.T, names []string) (map[string]int, int) {
		h, faults := s.playCheckpoints(t, enoughOfCheckpoints, names[:2]...)
		assert.NoError(t, h.Check(checkLimit, ""))
		return h.Counts(), faults
	})
}

// all plays histories, each on other names, and prints what happened in them.
func (s service) all(t *testing.T, enough map[string]int, play func(t *testing.T, names []string) (counts map[string]int, faults int)) {
	var mu sync.Mutex
	sum := map[string]int{}
	numbers := make([]int, *histories)
	for i := range numbers {
		numbers[i] = i + 1
	}
	inParallel(atOnce, numbers, func(n int) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			names := make([]string, max(s.names, 2))
			for i := range names {
				names[i] = fmt.Sprintf("%s/orders %d %c", strings.ReplaceAll(t.Name(), "TestServices/", ""), n, 'a'+i)
			}
			counts, faults := play(t, names)
			for what, n := range enough {
				assert.GreaterOrEqual(t, counts[what], n, "a history in which too little happens proves nothing: %s", what)
			}
			assert.GreaterOrEqual(t, faults, 1, "faults")
			mu.Lock()
			defer mu.Unlock()
			for what, n := range counts {
				sum[what] += n
			}
			sum["histories"]++
			sum["faults"] += faults
		})
	})
	var told []string
	for _, what := range slices.Sorted(maps.Keys(sum)) {
		told = append(told, fmt.Sprintf("%d %s", sum[what], what))
	}
	t.Log(strings.Join(told, ", "))
}
