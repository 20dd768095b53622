package scale

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// result has processes whose leases use so many bytes each, including 1,000 for the work.
func result(few, many int64) Result {
	var r Result
	for _, c := range []struct {
		leases int
		each   int64
	}{{100, few}, {10_000, many}} {
		n := int64(c.leases)
		r.Costs = append(r.Costs,
			Cost{Leases: c.leases, Role: Work, Heap: 400 * n, Stack: 600 * n, Goroutines: c.leases},
			Cost{Leases: c.leases, Role: Leading, Heap: (c.each - 600) * n, Stack: 600 * n, Goroutines: 2 * c.leases, CPU: .5, Requests: float64(n) / 5},
			Cost{Leases: c.leases, Role: Standby, Heap: 2000 * n, Stack: 2000 * n, Goroutines: c.leases},
		)
	}
	return r
}

func TestSection(t *testing.T) {
	for name, c := range map[string]struct {
		few, many int64
		text      string
	}{
		"met":        {8_000, 9_000, "takes 8,000 bytes besides its work (goal: at most 8,192, met) and 2 goroutines with it (goal: at most 3, met). It is 1.14 of what one of 100 takes (linear growth: met)."},
		"too much":   {9_000, 9_193, "takes 8,193 bytes besides its work (goal: at most 8,192, **missed**)"},
		"not linear": {4_000, 9_000, "(linear growth: **missed**)"},
	} {
		s, err := result(c.few, c.many).Section()
		require.NoError(t, err, name)
		assert.Contains(t, s.Text, c.text, name)
	}
	s, err := result(8_000, 9_000).Section()
	require.NoError(t, err)
	assert.Equal(t, "One process leads 10,000 leases with 2 goroutines and 8,000 bytes for each, besides its work.", s.Key)
	assert.Contains(t, s.Text, "| 10,000 | leading | 2 | 8,000 | 0 | 8,000 | 50 | 0.2 | 50 | 2,000 |")
	assert.Contains(t, s.Text, "| 100 | standby | 1 | 2,000 | 2,000 | 4,000 |")
	_, err = Result{}.Section()
	assert.ErrorContains(t, err, "no process was measured")
}
