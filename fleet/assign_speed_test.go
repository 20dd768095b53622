package fleet

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// occasions have the plan and the situation that a coordinator of 10,000 parts on 200 nodes may meet.
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

// Memory grows with the parts and the members, not with their product.
func TestAssignAllocatesLittle(t *testing.T) {
	for name, occasion := range occasions {
		base, s := occasion(t)
		allocs := testing.AllocsPerRun(3, func() { assign(base, s) })
		t.Logf("%s: %.0f allocations", name, allocs)
		require.Less(t, allocs, 4000.0, name)
	}
}

// Time does neither: to find the next receiver takes comparisons by the logarithm of their number. They are counted, because a clock
// would measure the machine.
func TestTheNextReceiverIsFoundFast(t *testing.T) {
	t.Parallel()
	const members, parts = 1000, 20_000
	v := &division{}
	for n := range members {
		v.receivers = append(v.receivers, &receiver{member: member{Weight: 1 + n%3}, rank: n, share: int64(1 + n%3)})
	}
	compared := 0
	q := v.queue(func(a, b *receiver) int { compared++; return neediest(a, b) }, (*receiver).full)
	compared = 0
	for range parts {
		first := slices.MinFunc(v.receivers, neediest)
		require.Same(t, first, q.of[0])
		q.of[0].load++
		q.settle(false)
	}
	t.Logf("%d comparisons a part, of %d members", compared/parts, members)
	require.LessOrEqual(t, compared, parts*2*bits.Len(members))
}
