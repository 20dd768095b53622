package size

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/minimal"
	"github.com/cloudlease/leader/bench/internal/overhead/paired"
)

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err)
	return path
}

func TestStarts(t *testing.T) {
	took, err := starts(program(t, "echo"), "place")(t.Context())
	require.NoError(t, err)
	require.Positive(t, took)

	_, err = starts(program(t, "true"), "place")(t.Context())
	require.ErrorContains(t, err, "writes nothing")
	_, err = starts(program(t, "ls"), "/no/such/place")(t.Context())
	require.ErrorContains(t, err, "/no/such/place", "what it says on stderr is told")
	_, err = starts("/no/such/program", "place")(t.Context())
	require.Error(t, err)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = starts(program(t, "echo"), "place")(ended)
	require.ErrorIs(t, err, context.Canceled)
}

func TestEveryProgramHasAPlaceAndATitle(t *testing.T) {
	for _, p := range minimal.Programs {
		require.Contains(t, openers, p.Name)
		require.Contains(t, titles, p.Name)
	}
}

func TestBinariesDoNotOverwriteEachOther(t *testing.T) {
	w := workshop{dir: t.TempDir()}
	seen := map[string]bool{}
	for _, p := range minimal.Programs {
		seen[w.binary(p.Name)], seen[w.binary(p.Bare)] = true, true
	}
	require.Len(t, seen, len(minimal.Programs)+5, "two share the one that does nothing")
}

func TestSection(t *testing.T) {
	r := Result{Programs: []Program{
		{Name: "s3", Ours: Binary{Stripped: 10_700_000, Others: 115, Modules: 19}, Bare: Binary{Stripped: 10_300_000, Others: 109, Modules: 18},
			Start: paired.Comparison{Pairs: 30, Bare: paired.Estimate{Value: float64(20 * time.Millisecond)}, Ours: paired.Estimate{Value: float64(21 * time.Millisecond)},
				Difference: paired.Estimate{Value: float64(time.Millisecond), Low: -float64(time.Millisecond), High: 3 * float64(time.Millisecond)}}},
		{Name: "azblob", Ours: Binary{Stripped: 11_900_000}, Bare: Binary{Stripped: 9_500_000}},
	}}
	s, err := r.Section()
	require.NoError(t, err)
	require.Equal(t, "The library adds 2.4 MB to a stripped program where it adds most, on Azure Blob, of 11.9 MB.", s.Key)
	require.Contains(t, s.Text, "| S3 | 0.0 | 0.0 | 10.3 | 10.7 | 0.4 | 109 | 115 | 18 | 19 |")
	require.Contains(t, s.Text, "| S3 | 30 | 20 | 21 | 1.00 [-1.00, 3.00] |")
	require.Len(t, s.Plots, 1)

	s, err = Result{}.Section()
	require.NoError(t, err)
	require.Empty(t, s.Key)
}

func TestNothingIsMeasuredWithoutEmulators(t *testing.T) {
	t.Setenv("LEADER_EMULATORS", "")
	_, err := Measure(t.Context(), Options{Programs: []string{"gcs"}})
	require.ErrorContains(t, err, "go run ./localstack run")
	_, err = Measure(t.Context(), Options{Programs: []string{"ftp"}})
	require.ErrorContains(t, err, "ftp")
}
