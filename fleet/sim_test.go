package fleet

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
)

var (
	simWorlds = flag.Int("worlds", worldsByDefault, "how many worlds TestWorlds simulates")
	simSeed   = flag.Uint64("first", 0, "the seed of the first world; 0: a new one")
	simTell   = flag.Bool("tell", false, "print each world's story")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // worlds are small, and leave much garbage
	os.Exit(m.Run())
}

// TestWorlds simulates worlds that nobody has seen before: FS1 to FS3 at every step, F4 at each write, and in the end that all parts
// are worked on, in balance and at rest.
func TestWorlds(t *testing.T) {
	first := *simSeed
	if first == 0 {
		first = rand.Uint64() >> 1
	}
	fmt.Printf("fleet worlds: %d, seeds from %d on (again: go test ./fleet -run TestWorlds -first %d -worlds %d)\n", *simWorlds, first, first, *simWorlds)
	var terms atomic.Int64
	t.Run("all", func(t *testing.T) {
		for part := range uint64(runtime.GOMAXPROCS(0)) {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for seed := first + part; seed < first+uint64(*simWorlds) && !t.Failed(); seed += uint64(runtime.GOMAXPROCS(0)) {
					terms.Add(int64(runWorld(t, seed)))
				}
			})
		}
	})
	fmt.Printf("%d terms of parts\n", terms.Load())
}

// runWorld simulates a world, and returns how many terms of parts it had. It always has the story told: the world may be another one
// the next time, by the order in which goroutines run.
func runWorld(t *testing.T, seed uint64) int {
	w := simulate(t, seed, true)
	if story := strings.Join(w.story, "\n"); w.broken != nil {
		t.Fatalf("seed %d: %v\n%s", seed, w.broken, story)
	} else if *simTell {
		fmt.Println(story)
	}
	return w.terms
}
