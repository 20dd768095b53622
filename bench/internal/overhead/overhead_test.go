package overhead

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/overhead/alone"
	"github.com/cloudlease/leader/bench/internal/overhead/paired"
)

func TestStep(t *testing.T) {
	order := ""
	do := func(name string) func(context.Context) error {
		return func(context.Context) error { order += name; return nil }
	}
	s := step{do("b"), do("d"), do("a")}
	require.NoError(t, s.run(t.Context(), func() { order += "(" }, func() { order += ")" }))
	require.Equal(t, "b(d)a", order, "what comes before and after is not measured")

	broken := errors.New("broken")
	for _, s := range []step{
		{do: func(context.Context) error { return broken }, after: do("-")},
		{before: func(context.Context) error { return broken }, do: do("-")},
		{do: do(""), after: func(context.Context) error { return broken }},
	} {
		_, err := s.time(t.Context())
		require.ErrorIs(t, err, broken)
	}
	require.NotContains(t, order, "-", "nothing is done after a failure")
}

var sink []byte

func TestMemory(t *testing.T) {
	waste := func(context.Context) error { sink = make([]byte, 1<<20); return nil }
	m, err := step{before: waste, do: func(context.Context) error { sink = make([]byte, 1<<16); return nil }, after: waste}.memory(t.Context())
	require.NoError(t, err)
	require.InDelta(t, 1, m.Allocations, 1)
	require.InDelta(t, 1<<16, m.Bytes, 1<<12)
}

func TestGoal(t *testing.T) {
	require.Equal(t, "met", goal(paired.Estimate{Value: 1.01, Low: 0.99, High: 1.04}))
	require.Equal(t, "missed", goal(paired.Estimate{Value: 1.2, Low: 1.1, High: 1.3}))
	require.Equal(t, "cannot tell", goal(paired.Estimate{Value: 1.04, Low: 1.01, High: 1.07}))
}

func TestSectionSaysWhatIsMissed(t *testing.T) {
	call := func(name string, ratio, more float64) Call {
		e := paired.Estimate{Value: ratio, Low: ratio, High: ratio}
		one := paired.Estimate{Value: float64(time.Millisecond)}
		return Call{Name: name, Time: paired.Comparison{Pairs: 9, Bare: one, Ours: one, Ratio: e}, Ours: Memory{Allocations: more}}
	}
	r := Result{
		Services: []Service{{"dynamodb", []Call{call("renew", 1.01, 9.4), call("poll", 1, 30)}}, {"s3", []Call{call("renew", 1.2, 9.6)}}},
		Alone:    []alone.Cost{{Call: "renew", Nanoseconds: 2000, Allocations: 6, Bytes: 500}},
	}
	s, err := r.Section()
	require.NoError(t, err)
	require.Equal(t, "A renewal takes 1.20 times as long as the bare SDK call where it is worst, on S3's emulator; "+
		"the protocol itself takes 2 µs and 6 allocations.", s.Key)
	require.Contains(t, s.Text, "It is missed on S3.")
	require.Contains(t, s.Text, "| S3 | renew | 9 | 1 | 1 | 1.200 [1.200, 1.200] | 0 [0, 0] | missed |")
	require.Len(t, s.Plots, 1)
}

func TestNothingIsMeasuredWithoutEmulators(t *testing.T) {
	t.Setenv("LEADER_EMULATORS", "")
	for _, s := range services {
		_, err := Measure(t.Context(), Options{Services: []string{s.name}})
		require.ErrorContains(t, err, "go run ./localstack run")
	}
	_, err := Measure(t.Context(), Options{Services: []string{"ftp"}})
	require.ErrorContains(t, err, "ftp")
}
