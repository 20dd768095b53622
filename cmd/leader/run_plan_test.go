package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/lease"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	const s, m = time.Second, time.Minute
	timing := func(stop, drain, kill time.Duration) guard.Timing {
		return guard.Timing{Stop: stop, Drain: drain, Kill: kill}
	}
	azure, gcs := lease.Limits{MinLength: 15 * s, MaxLength: 60 * s, LengthStep: s}, lease.Limits{WriteEvery: s}
	for name, test := range map[string]struct {
		flags  runFlags
		limits lease.Limits
		want   guard.Timing
		renew  time.Duration
		wrong  string
	}{
		"default":                {runFlags{drain: m, length: 15 * s}, azure, timing(2500*time.Millisecond, m, s/2), 5 * s, ""},
		"a second":               {runFlags{drain: m, length: s}, lease.Limits{}, timing(s/6, m, s/30), s / 3, ""},
		"more time to stop":      {runFlags{drain: m, length: 15 * s, stop: 7 * s, renewEvery: 2 * s}, lease.Limits{}, timing(7*s, m, s/2), 2 * s, ""},
		"not for fewer writes":   {runFlags{drain: m, length: 15 * s, stop: 7 * s}, lease.Limits{}, guard.Timing{}, 0, "two renewals, each 5s, have to fit into the 6s"},
		"too much":               {runFlags{drain: m, length: 15 * s, stop: 12 * s}, lease.Limits{}, guard.Timing{}, 0, "--lease-length of 1m1s"},
		"what is said is right":  {runFlags{drain: m, length: 61 * s, stop: 12 * s}, lease.Limits{}, timing(12*s, m, 61*s/30), 61 * s / 3, ""},
		"a long drain is free":   {runFlags{drain: 24 * time.Hour, length: 15 * s}, azure, timing(2500*time.Millisecond, 24*time.Hour, s/2), 5 * s, ""},
		"no time to drain":       {runFlags{length: 15 * s}, lease.Limits{}, guard.Timing{}, 0, "--drain-timeout 0s is not positive"},
		"renewals":               {runFlags{drain: m, length: 15 * s, renewEvery: s}, lease.Limits{}, timing(2500*time.Millisecond, m, s/2), s, ""},
		"renewals do not fit":    {runFlags{drain: m, length: 15 * s, renewEvery: 5250 * time.Millisecond}, lease.Limits{}, guard.Timing{}, 0, "each 5.25s"},
		"writes are bounded":     {runFlags{drain: m, length: 2400 * time.Millisecond, stop: 50 * time.Millisecond}, gcs, timing(50*time.Millisecond, m, 80*time.Millisecond), s, ""},
		"and do not fit":         {runFlags{drain: m, length: 3 * s}, lease.Limits{WriteEvery: 2 * s}, guard.Timing{}, 0, "2s or more"},
		"no length":              {runFlags{drain: m}, lease.Limits{}, guard.Timing{}, 0, "--lease-length must be positive"},
		"no unit":                {runFlags{drain: m, length: 15}, lease.Limits{}, guard.Timing{}, 0, "--lease-length 15ns: it is at least 100ms"},
		"nor in the intervals":   {runFlags{drain: m, length: s, renewEvery: 5, acquireEvery: 5}, lease.Limits{}, guard.Timing{}, 0, "--renew-every 5ns: it is at least 10ms, and usually some seconds\n--acquire-every 5ns"},
		"no lease is so long":    {runFlags{drain: m, length: 15 * s, stop: 800000 * time.Hour}, lease.Limits{}, guard.Timing{}, 0, "--renew-every (10ms or more); how long"},
		"nor for the renewals":   {runFlags{drain: m, length: 15 * s, renewEvery: lease.Forever}, lease.Limits{}, guard.Timing{}, 0, "--renew-every (10ms or more); how long"},
		"and years that are":     {runFlags{drain: m, length: 15 * s, renewEvery: 70000 * time.Hour}, lease.Limits{}, guard.Timing{}, 0, "--lease-length of 200000h0m1s"},
		"the longest is planned": {runFlags{drain: m, length: lease.Forever}, lease.Limits{}, timing(lease.Forever/6, m, lease.Forever/30), lease.Forever / 3, ""},
		"less than nothing":      {runFlags{drain: m, length: s, stop: -s}, lease.Limits{}, guard.Timing{}, 0, "must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, renew, err := test.flags.plan(test.limits)
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			require.Equal(t, test.renew, renew)
			require.Less(t, 2*renew, test.flags.length-lease.Margin(test.flags.length)-got.Margin(), "as leader.WithRenewEvery wants it")
		})
	}
}
