package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A figure is a measurement of a test: once, or many times.
type figure struct {
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Of      int     `json:"of"` // how often it was measured
	Median  float64 `json:"median"`
	P99     float64 `json:"p99"`
	Longest float64 `json:"longest"`
}

// tell prints a figure. It is an attribute of the test, too: make bench PART=fleet reads those.
func tell(t testing.TB, what, unit string, values ...float64) {
	t.Helper()
	slices.Sort(values)
	at := func(p float64) float64 { return values[int(p*float64(len(values)-1))] }
	f := figure{what, unit, len(values), at(.5), at(.99), at(1)}
	text, err := json.Marshal(f)
	require.NoError(t, err)
	t.Attr("figure", string(text))
	if f.Of == 1 {
		fmt.Printf("%-55s %8.2f %s\n", what, f.Median, unit)
		return
	}
	fmt.Printf("%-55s median %6.2f %s, 99 %% %6.2f, longest %6.2f (of %d)\n", what, f.Median, unit, f.P99, f.Longest, f.Of)
}
