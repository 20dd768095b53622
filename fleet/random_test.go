package fleet

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var startAt = flag.Uint64("seed", 0, "of this package's random tests; 0: another one each time")

// newSeed returns the seed of a test's random numbers, and prints how to repeat it.
func newSeed(t testing.TB) uint64 {
	seed := *startAt
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -run '^%s$' -seed %d", t.Name(), seed)
	return seed
}

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

func pick[T any](rng *rand.Rand, of []T) T { return of[rng.IntN(len(of))] }

// randomName returns a name as parts have them: shards, tenants, anything.
func randomName(rng *rand.Rand) string {
	switch rng.IntN(6) {
	case 0:
		return fmt.Sprintf("tenant-%x", rng.Uint32())
	case 1:
		return "0" + fmt.Sprint(rng.IntN(100)) // no shard's
	case 2:
		return fmt.Sprint(rng.Uint64())
	case 3:
		return strings.Repeat(pick(rng, []string{"x", "ü", `"`, "<"}), 1+rng.IntN(120))
	}
	return fmt.Sprint(rng.IntN(200))
}

func randomNames(rng *rand.Rand, most int) []string {
	names := map[string]bool{}
	for range rng.IntN(most + 1) {
		names[randomName(rng)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// randomPlan returns any valid plan.
func randomPlan(rng *rand.Rand) *plan {
	p := &plan{Epoch: 1 + rng.Uint64()>>(1+rng.IntN(63)), Width: minWidth + rng.IntN(40), Version: rng.Uint64() >> rng.IntN(64)}
	somebody := func() session {
		return session{1 + rng.IntN(p.Width), 1 + rng.Uint64()>>(1+rng.IntN(63))}
	}
	sessions := []session{somebody(), somebody(), somebody()}
	anybody := func() session {
		if chance(rng, 0.3) {
			return session{}
		}
		if chance(rng, 0.1) {
			return somebody()
		}
		return pick(rng, sessions)
	}
	for _, name := range randomNames(rng, 300) {
		e := entry{Part: name, Owner: anybody(), Token: 1 + rng.Uint64N(p.Epoch), From: anybody()}
		e.Off = e.Owner.nobody() && !e.From.nobody() && chance(rng, 0.5)
		p.Parts = append(p.Parts, e)
	}
	p.Seated = slices.Clone(sessions)
	slices.SortFunc(p.Seated, session.compare)
	p.Seated = slices.Compact(p.Seated)
	for _, name := range randomNames(rng, 10) {
		if chance(rng, 0.5) {
			p.Pins = append(p.Pins, pin{name, randomName(rng)})
		}
	}
	return p
}

func randomSeatValue(rng *rand.Rand) seatValue {
	return seatValue{
		Token: 1 + rng.Uint64()>>(1+rng.IntN(63)), Epoch: rng.Uint64() >> (1 + rng.IntN(63)), Stopping: randomNames(rng, 50),
		Weight: rng.IntN(3), Capacity: rng.IntN(3), Address: pick(rng, []string{"", "http://10.0.0.1:8080/<&>\u2028"}),
		Name: pick(rng, []string{"", "node \"b\"", "日本"}), Draining: chance(rng, 0.5),
	}
}
