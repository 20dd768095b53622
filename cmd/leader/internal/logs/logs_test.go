package logs

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The log shows durations as people read them, and in JSON as programs do.
func TestLoggedDurations(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	const d = 399999999 * time.Nanosecond
	New(&out, Flags{Format: "text"}).Info("x", "took", d)
	require.Contains(t, out.String(), "took=400ms\n")
	out.Reset()
	New(&out, Flags{Format: "json"}).With("length", 90*time.Second).Info("x", "took", d)
	var line struct{ Took, Length float64 }
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.InDelta(t, 0.4, line.Took, 0)
	require.InDelta(t, 90, line.Length, 0)
}
