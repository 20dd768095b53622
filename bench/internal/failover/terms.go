package failover

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A term is one time that a process led.
type term struct {
	of       *process
	from, to time.Duration
}

// never is the end of a term that has not ended.
const never = time.Duration(math.MaxInt64)

// overlaps returns how many terms began before an earlier one was over.
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
