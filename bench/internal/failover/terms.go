package failover

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A term is one time that somebody led.
type term struct {
	of       *process
	from, to time.Duration
}

// never is the end of a term that has not ended.
const never = time.Duration(math.MaxInt64)

// overlaps is how many terms began before one that had begun before them was over.
func overlaps(terms []term) int {
	sorted := slices.SortedFunc(slices.Values(terms), func(a, b term) int { return cmp.Compare(a.from, b.from) })
	n, over := 0, time.Duration(math.MinInt64)
	for _, t := range sorted {
		if t.from < over {
			n++
		}
		over = max(over, t.to)
	}
	return n
}
