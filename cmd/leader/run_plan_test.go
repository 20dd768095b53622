package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	const s = time.Second
	azure, gcs := lease.Limits{MinLength: 15 * s, MaxLength: 60 * s, LengthStep: s}, lease.Limits{WriteEvery: s}
	for name, test := range map[string]struct {
		flags  runFlags
		limits lease.Limits
		want   timing
		renew  time.Duration
		wrong  string
	}{
		"default":               {runFlags{length: 15 * s}, azure, timing{2500 * time.Millisecond, s / 2}, 5 * s, ""},
		"a second":              {runFlags{length: s}, lease.Limits{}, timing{s / 6, s / 30}, s / 3, ""},
		"more time to stop":     {runFlags{length: 15 * s, stop: 7 * s}, lease.Limits{}, timing{7 * s, s / 2}, 2 * s, ""},
		"too much":              {runFlags{length: 15 * s, stop: 12 * s}, lease.Limits{}, timing{}, 0, "--lease-length of 17s"},
		"what is said is right": {runFlags{length: 17 * s, stop: 12 * s}, lease.Limits{}, timing{12 * s, 17 * s / 30}, (17*s - 17*s/10 - 12*s - 17*s/30) / 3, ""},
		"renewals":              {runFlags{length: 15 * s, renewEvery: s}, lease.Limits{}, timing{2500 * time.Millisecond, s / 2}, s, ""},
		"renewals do not fit":   {runFlags{length: 15 * s, renewEvery: 5250 * time.Millisecond}, lease.Limits{}, timing{}, 0, "--renew-every 5.25s"},
		"writes are bounded":    {runFlags{length: 6 * s, stop: 3 * s}, gcs, timing{3 * s, s / 5}, s, ""},
		"and do not fit":        {runFlags{length: 3 * s}, lease.Limits{WriteEvery: 2 * s}, timing{}, 0, "2s or more"},
		"no length":             {runFlags{}, lease.Limits{}, timing{}, 0, "--lease-length is positive"},
		"no unit":               {runFlags{length: 15}, lease.Limits{}, timing{}, 0, "--lease-length 15ns: it is at least 100ms"},
		"nor in the intervals":  {runFlags{length: s, renewEvery: 5, acquireEvery: 5}, lease.Limits{}, timing{}, 0, "--renew-every 5ns: it is at least 10ms, and usually some seconds\n--acquire-every 5ns"},
		"less than nothing":     {runFlags{length: s, stop: -s}, lease.Limits{}, timing{}, 0, "not negative"},
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
			require.Less(t, 2*renew, test.flags.length-lease.Margin(test.flags.length)-got.margin(), "as leader.WithRenewEvery wants it")
		})
	}
}
