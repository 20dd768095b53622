package serverclock_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/serverclock"
)

func TestAge(t *testing.T) {
	written := time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{
		0: 1, 3 * time.Second: 1, 4 * time.Second: time.Second, time.Minute: 57 * time.Second,
		-3 * time.Second: 1, -4 * time.Second: 0, // a difference that the service's machines may have, and one that they may not
	} {
		require.Equal(t, want, serverclock.Age(written.Add(after), written), after)
	}
	require.Zero(t, serverclock.Age(time.Time{}, written))
	require.Zero(t, serverclock.Age(time.Unix(0, 0), written))
	require.Zero(t, serverclock.Age(written, time.Time{}))
	require.Equal(t, time.Duration(math.MaxInt64)-serverclock.Grain-serverclock.Skew,
		serverclock.Age(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1, 0)))
}
