package gate

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func figures(changes ...func(f *Figures)) Figures {
	f := Figures{Go: "go1.26", System: "linux/amd64", Kinds: map[string]map[string]int64{
		"calls": {"renew: swaps": 1, "poll: swaps": 0}, "allocations": {"renew": 6}, "goroutines": {"leading": 200},
		"packages": {"s3": 115}, "bytes": {"s3": 10_000_000},
	}}
	for _, change := range changes {
		change(&f)
	}
	return f
}

func set(kind, name string, n int64) func(*Figures) {
	return func(f *Figures) { f.Kinds[kind][name] = n }
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name  string
		now   Figures
		shows []string // lines of the table; none: there are no differences
		left  []string
	}{
		{"the same", figures(), nil, nil},
		{"one call more", figures(set("calls", "poll: swaps", 1)), []string{"poll: swaps", "worse"}, nil},
		{"an allocation more", figures(set("allocations", "renew", 7)), []string{"renew", "6", "7", "worse", "-update"}, nil},
		{"an allocation less", figures(set("allocations", "renew", 5)), []string{"renew", "6", "5", "better", "-update"}, nil},
		{"one goroutine in a hundred leases", figures(set("goroutines", "leading", 201)), []string{"leading", "worse"}, nil},
		{"a package more", figures(set("packages", "s3", 116)), []string{"s3", "115", "116", "worse"}, nil},
		{"a size within two per cent", figures(set("bytes", "s3", 10_199_000)), nil, nil},
		{"a greater size", figures(set("bytes", "s3", 10_201_000)), []string{"s3", "worse"}, nil},
		{"a smaller size", figures(set("bytes", "s3", 9_799_000)), []string{"s3", "better"}, nil},
		{"a figure that was not committed", figures(set("calls", "list: loads", 1)), []string{"list: loads", "not in both"}, nil},
		{"a figure that is not counted any more", figures(func(f *Figures) { delete(f.Kinds["calls"], "renew: swaps") }),
			[]string{"renew: swaps", "not in both"}, nil},
		{"a kind that is not counted any more", figures(func(f *Figures) { delete(f.Kinds, "goroutines") }),
			[]string{"leading", "not in both"}, nil},
		{"another Go", figures(func(f *Figures) { f.Go = "go1.27" }, set("allocations", "renew", 7), set("packages", "s3", 1), set("bytes", "s3", 1)),
			nil, []string{"allocations", "packages", "bytes"}},
		{"another Go does not excuse the rest", figures(func(f *Figures) { f.Go = "go1.27" }, set("goroutines", "leading", 300)),
			[]string{"leading", "worse"}, []string{"allocations", "packages", "bytes"}},
		{"another system", figures(func(f *Figures) { f.System = "darwin/arm64" }, set("bytes", "s3", 1)), nil, []string{"bytes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			differences, left := Compare(figures(), test.now)
			if test.shows == nil {
				require.Empty(t, differences)
			}
			for _, s := range test.shows {
				require.Contains(t, differences, s)
			}
			require.Len(t, left, len(test.left))
			for i, s := range test.left {
				require.Contains(t, left[i], s)
			}
		})
	}
}

// Compare does not change its arguments.
func TestCompareChangesNothing(t *testing.T) {
	committed, now := figures(), figures(set("calls", "list: loads", 1))
	Compare(committed, now)
	require.True(t, maps.EqualFunc(committed.Kinds, figures().Kinds, maps.Equal))
	require.Len(t, now.Kinds["calls"], 3)
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.json")
	_, err := Read(file)
	require.ErrorContains(t, err, "-update")
	require.NoError(t, figures().Write(file))
	read, err := Read(file)
	require.NoError(t, err)
	require.Equal(t, figures(), read)
}

// The protocol keeps its promise about requests (R7).
func TestStoreCalls(t *testing.T) {
	counts, err := storeCalls(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, counts["poll: loads"])
	require.EqualValues(t, 0, counts["poll: swaps"])
	require.EqualValues(t, 1, counts["renew: swaps"])
	require.Len(t, counts, 12)
}

// The counts do not depend on the moment.
func TestGoroutines(t *testing.T) {
	first, err := goroutines(t.Context())
	require.NoError(t, err)
	require.Positive(t, first["leading"])
	require.Positive(t, first["standing by"])
	second, err := goroutines(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, second)
}
