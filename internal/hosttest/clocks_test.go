package hosttest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
)

// What the clocks show after an hour in which something happened, and how long it takes from then to another hour of the
// monotonic clock.
func TestDrift(t *testing.T) {
	t.Parallel()
	const h, up = time.Hour, time.Hour // of a boot clock at the start
	for what, test := range map[string]struct {
		clocks  hosttest.Clocks
		happens func(c *hosttest.Clocks)
		show    host.Reading
		until   time.Duration
	}{
		"right": {hosttest.Clocks{Rate: 1, Boot: true}, nil, host.Reading{Mono: h, Wall: h, Boot: up + h}, h},
		"slow":  {hosttest.Clocks{Rate: 0.5, Boot: true}, nil, host.Reading{Mono: h / 2, Wall: h / 2, Boot: up + h/2}, 2 * h},
		"slewed and ahead": {
			hosttest.Clocks{Rate: 1, Slew: 0.5, Skew: h}, nil, host.Reading{Mono: h, Wall: h + h/2 + h}, h,
		},
		"stepped": {
			hosttest.Clocks{Rate: 2}, func(c *hosttest.Clocks) { c.Step(-3 * h); c.Step(h) }, host.Reading{Mono: 2 * h, Wall: 0}, h / 2,
		},
		"slept for half of it": {hosttest.Clocks{Rate: 2, Boot: true}, func(c *hosttest.Clocks) {
			require.True(t, c.Suspend(h/4))
			require.False(t, c.Suspend(h/3))
			require.True(t, c.Resume(h/4*3))
			require.False(t, c.Resume(h))
		}, host.Reading{Mono: h, Wall: 2 * h, Boot: up + 2*h}, h / 2},
		"asleep": {
			hosttest.Clocks{Rate: 1}, func(c *hosttest.Clocks) { c.Suspend(h / 4) }, host.Reading{Mono: h / 4, Wall: h}, h,
		},
		"in ticks": {
			hosttest.Clocks{Rate: 1, Tick: 7 * time.Minute}, nil, host.Reading{Mono: 56 * time.Minute, Wall: 56 * time.Minute}, 59 * time.Minute,
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := test.clocks
			if test.happens != nil {
				test.happens(&c)
			}
			require.Equal(t, test.show, c.Read(h, h))
			require.Equal(t, test.until, c.Until(test.show.Mono+h, h))
		})
	}
}

// Nanoseconds count, also after a century.
func TestRightClocksAreExact(t *testing.T) {
	t.Parallel()
	c := hosttest.Clocks{Rate: 1, Boot: true}
	for now := time.Duration(100*365*24*time.Hour + 1); now%10 > 0; now++ {
		require.Equal(t, host.Reading{Mono: now, Wall: now, Boot: now + time.Hour}, c.Read(now, now))
		require.Equal(t, time.Duration(1), c.Until(now+1, now))
	}
}

// Whatever a machine does, its monotonic clock never goes back, and shows a time no later than Until says.
func TestMonotonic(t *testing.T) {
	t.Parallel()
	for range 1000 {
		c := hosttest.Clocks{Rate: 0.95 + rand.Float64()/10, Tick: time.Second / 64}
		now, before := time.Duration(0), time.Duration(0)
		for range 100 {
			now += rand.N(100 * time.Millisecond)
			switch rand.IntN(3) {
			case 0:
				c.Suspend(now)
			case 1:
				c.Resume(now)
			}
			shows := c.Read(now, now).Mono
			require.GreaterOrEqual(t, shows, before)
			before = shows
		}
		c.Resume(now)
		due := before + rand.N(time.Second)
		at := now + c.Until(due, now) + 1 // for what a float64 rounds
		require.GreaterOrEqual(t, c.Read(at, at).Mono, due)
		require.Less(t, c.Read(at-c.Tick, at).Mono, due)
	}
}
