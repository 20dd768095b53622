package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// occasions are what the coordinator of a large fleet meets: 10,000 parts on 200 nodes.
var occasions = map[string]func(testing.TB) (*plan, situation){
	"nothing": func(t testing.TB) (*plan, situation) { return large(t, 200, 10_000, func(*deploy) {}) },
	"a death": func(t testing.TB) (*plan, situation) { return large(t, 200, 10_000, func(d *deploy) { d.die(7) }) },
	"a join":  func(t testing.TB) (*plan, situation) { return large(t, 200, 10_000, func(d *deploy) { d.join(201) }) },
	"a start": func(t testing.TB) (*plan, situation) {
		return large(t, 200, 10_000, func(d *deploy) { d.plan = &plan{} })
	},
	"199 join one": func(t testing.TB) (*plan, situation) {
		return large(t, 1, 10_000, func(d *deploy) {
			for seat := 2; seat <= 200; seat++ {
				d.join(seat)
			}
		})
	},
}

func large(t testing.TB, nodes, parts int, happens func(*deploy)) (*plan, situation) {
	d := newDeploy(t, nodes, parts)
	happens(d)
	return d.plan, d.situation(true)
}

func BenchmarkAssign(b *testing.B) {
	for name, occasion := range occasions {
		b.Run(name, func(b *testing.B) {
			base, s := occasion(b)
			b.ReportAllocs()
			for b.Loop() {
				assign(base, s)
			}
		})
	}
}

// What assign costs grows with the parts and the members, not with their product: not in memory (counted), and not in time (measured
// beside itself: ten times the fleet, and less than forty times the time).
func TestAssignIsCheap(t *testing.T) {
	for name, occasion := range occasions {
		base, s := occasion(t)
		allocs := testing.AllocsPerRun(5, func() { assign(base, s) })
		t.Logf("%s: %.0f allocations", name, allocs)
		require.Less(t, allocs, 4000.0, name)
	}
	took := func(nodes, parts int) time.Duration {
		base, s := large(t, 1, parts, func(d *deploy) {
			for seat := 2; seat <= nodes; seat++ {
				d.join(seat)
			}
		})
		best := time.Hour
		for range 7 {
			begun := time.Now()
			assign(base, s)
			best = min(best, time.Since(begun))
		}
		return best
	}
	few, many := took(100, 2000), took(1000, 20_000)
	t.Logf("2,000 parts on 100 nodes %v, 20,000 on 1,000 %v", few, many)
	require.Less(t, many, 40*few)
}
