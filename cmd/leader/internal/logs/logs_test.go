package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The log says what is wrong, and what to do about it, in the command's words.
func TestLoggedWords(t *testing.T) {
	t.Parallel()
	const advice = "create the bucket, or name another"
	var out bytes.Buffer
	New(&out, Flags{Format: "text"}).Warn("x", "err", errors.New("no bucket: "+advice), "do", advice)
	require.Contains(t, out.String(), `err="no bucket: make it with leader init, or name another" do="make it with leader init, or name another"`)
	out.Reset()
	New(&out, Flags{Format: "text"}).Warn("x", "do", "give it more time with WithStopTimeout", "holder", "WithStopTimeout")
	require.Contains(t, out.String(), `do="give it more time with --stop-timeout" holder=WithStopTimeout`)
}

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
