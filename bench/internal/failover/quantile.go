package failover

import (
	"math"
	"slices"
)

// quantile returns the smallest sample such that at least the part q of all samples are not above it; NaN if there are none. So
// it is always one of the samples, and the quantile of 1 is the greatest.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// scaled returns each of the values times f.
func scaled(values []float64, f float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * f
	}
	return out
}

// above counts the values above a limit.
func above(values []float64, limit float64) int {
	n := 0
	for _, v := range values {
		if v > limit {
			n++
		}
	}
	return n
}
