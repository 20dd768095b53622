// Package paired compares how long two ways of doing the same thing take. It does them in turn, so that changes of the
// machine's or the emulator's load affect both.
package paired

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// A Way does the thing once, and returns how long it took.
type Way func(ctx context.Context) (time.Duration, error)

// Pairs are the times that two ways took, in nanoseconds, in the order in which they were taken.
type Pairs struct{ Bare, Ours []float64 }

// Take does both n times. The seed decides the order within each pair.
func Take(ctx context.Context, n int, seed uint64, bare, ours Way) (Pairs, error) {
	p := Pairs{make([]float64, n), make([]float64, n)}
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		turns := []struct {
			way   Way
			times []float64
		}{{bare, p.Bare}, {ours, p.Ours}}
		if random.IntN(2) == 1 {
			slices.Reverse(turns)
		}
		for _, t := range turns {
			took, err := t.way(ctx)
			if err != nil {
				return Pairs{}, err
			}
			t.times[i] = float64(took)
		}
	}
	return p, nil
}

// An Estimate is a figure with its 95 % confidence interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// A Comparison says how the medians of two ways differ. Times are in nanoseconds.
type Comparison struct {
	Pairs      int      `json:"pairs"`
	Bare       Estimate `json:"bare"`
	Ours       Estimate `json:"ours"`
	Ratio      Estimate `json:"ratio"`      // of ours to bare
	Difference Estimate `json:"difference"` // ours less bare
}

// resamples is how often Compare draws again: enough for the ends of an interval of 95 %.
const resamples = 1000

// Compare estimates the figures. The intervals are those of the percentile bootstrap, which draws as many pairs as there are,
// with replacement, again and again. It draws whole pairs, so what both times have in common does not widen the intervals.
// There has to be at least one pair.
func (p Pairs) Compare(seed uint64) Comparison {
	n := len(p.Bare)
	random := rand.New(rand.NewPCG(seed, 2))
	bare, ours := make([]float64, n), make([]float64, n)
	var medians [4][]float64 // bare, ours, ratio, difference
	note := func(b, o float64) {
		for i, v := range []float64{b, o, o / b, o - b} {
			medians[i] = append(medians[i], v)
		}
	}
	for range resamples {
		for i := range n {
			k := random.IntN(n)
			bare[i], ours[i] = p.Bare[k], p.Ours[k]
		}
		note(medianOf(bare), medianOf(ours))
	}
	b, o := medianOf(slices.Clone(p.Bare)), medianOf(slices.Clone(p.Ours))
	estimate := func(i int, value float64) Estimate {
		slices.Sort(medians[i])
		return Estimate{value, medians[i][resamples*25/1000], medians[i][resamples*975/1000-1]}
	}
	return Comparison{n, estimate(0, b), estimate(1, o), estimate(2, o/b), estimate(3, o-b)}
}

// medianOf returns the median. It sorts the values.
func medianOf(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
