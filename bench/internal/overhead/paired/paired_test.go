package paired

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTakeTakesTurns(t *testing.T) {
	var order string
	way := func(name string, took time.Duration) Way {
		return func(context.Context) (time.Duration, error) {
			order += name
			return took, nil
		}
	}
	pairs, err := Take(t.Context(), 100, 7, way("b", 1), way("o", 2))
	require.NoError(t, err)
	require.Len(t, order, 200)
	first := map[string]int{}
	for i := 0; i < len(order); i += 2 {
		require.NotEqual(t, order[i], order[i+1], "each pair has both")
		first[order[i:i+1]]++
	}
	require.InDelta(t, 50, first["b"], 20, "either comes first about as often")
	for i := range 100 {
		require.Equal(t, 1.0, pairs.Bare[i])
		require.Equal(t, 2.0, pairs.Ours[i], "whatever the order, a time is that of its way")
	}
}

func TestTakeEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	way := func(context.Context) (time.Duration, error) {
		if calls++; calls == 7 {
			return 0, broken
		}
		return 1, nil
	}
	_, err := Take(t.Context(), 100, 7, way, way)
	require.ErrorIs(t, err, broken)
	require.Equal(t, 7, calls)
}

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, medianOf([]float64{5, 3, 1}))
	require.Equal(t, 2.5, medianOf([]float64{4, 1, 2, 3}))
	require.Equal(t, 7.0, medianOf([]float64{7}))
}

// noisy returns pairs whose common noise is far greater than their difference.
func noisy(seed uint64, ratio float64) (p Pairs) {
	random := rand.New(rand.NewPCG(seed, 9))
	for range 100 {
		common := 1000 + 300*random.Float64()
		p.Bare = append(p.Bare, common+5*random.NormFloat64())
		p.Ours = append(p.Ours, ratio*common+5*random.NormFloat64())
	}
	return p
}

func TestCompareFindsTheRatio(t *testing.T) {
	c := noisy(3, 1.10).Compare(1)
	require.Equal(t, 100, c.Pairs)
	require.InDelta(t, 1.10, c.Ratio.Value, 0.01)
	require.Greater(t, c.Ratio.Low, 1.05)
	require.InDelta(t, 115, c.Difference.Value, 15)
	for _, e := range []Estimate{c.Bare, c.Ours, c.Ratio, c.Difference} {
		require.Less(t, e.Low, e.Value)
		require.Less(t, e.Value, e.High)
	}
	require.Equal(t, c, noisy(3, 1.10).Compare(1), "a seed repeats it")
}

// An interval of 95 % contains the true value 19 times of 20. For two equal ways, that is 1.
func TestIntervalCovers(t *testing.T) {
	missed := 0
	for seed := range uint64(30) {
		if c := noisy(seed, 1).Compare(seed); c.Ratio.Low > 1 || c.Ratio.High < 1 {
			missed++
		}
	}
	require.LessOrEqual(t, missed, 5, "of 30")
}
