package host_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
)

func TestSystemReading(t *testing.T) {
	before := time.Now()
	first := host.System.Read()
	deadline := time.Now().Add(10 * time.Second)
	second := host.System.Read()
	for second.Mono == first.Mono && time.Now().Before(deadline) {
		second = host.System.Read()
	}
	took := time.Since(before)
	require.Greater(t, second.Mono, first.Mono)
	require.LessOrEqual(t, second.Mono-first.Mono, took)
	require.WithinDuration(t, before, time.Unix(0, int64(first.Wall)), time.Minute)
	switch runtime.GOOS {
	case "linux", "windows", "darwin", "openbsd":
		require.Positive(t, first.Boot)
		require.LessOrEqual(t, first.Boot, host.SinceBoot())
		require.InDelta(t, second.Mono-first.Mono, second.Boot-first.Boot, float64(time.Second))
	default:
		require.Zero(t, first.Boot)
	}
	require.WithinDuration(t, time.Now(), host.System.Now(), time.Minute)
	require.NotEqual(t, host.System.Uint64(), host.System.Uint64())
}

// In a bubble, what the real clocks say is of no concern: a boot clock that went on would end every lease early, or
// late.
func TestSystemReadingInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := host.System.Read()
		require.Zero(t, first.Boot)
		require.Positive(t, first.Mono, "as elsewhere: 0 stands for no time")
		time.Sleep(time.Hour)
		second := host.System.Read()
		require.Zero(t, second.Boot)
		require.Equal(t, time.Hour, second.Mono-first.Mono)
		require.Equal(t, time.Hour, second.Wall-first.Wall)
		require.Equal(t, time.Hour, second.Since(first))
	})
}

func TestSinceIsTheMost(t *testing.T) {
	tests := []struct {
		what           string
		earlier, later host.Reading
		most           time.Duration
	}{
		{"nothing", host.Reading{}, host.Reading{}, 0},
		{"the monotonic clock", host.Reading{Mono: 1, Wall: 1, Boot: 1}, host.Reading{Mono: 5, Wall: 4, Boot: 4}, 4},
		{"the wall clock", host.Reading{Mono: 1, Wall: 1, Boot: 1}, host.Reading{Mono: 4, Wall: 5, Boot: 4}, 4},
		{"the boot clock", host.Reading{Mono: 1, Wall: 1, Boot: 1}, host.Reading{Mono: 4, Wall: 4, Boot: 5}, 4},
		{"a step back", host.Reading{Mono: 1, Wall: 9}, host.Reading{Mono: 3, Wall: 1}, 2},
		{"never negative", host.Reading{Mono: 9, Wall: 9, Boot: 9}, host.Reading{Mono: 1, Wall: 2, Boot: 3}, 0},
		{"clocks of different zeros", host.Reading{Mono: -50, Wall: 1000, Boot: 7}, host.Reading{Mono: -48, Wall: 1001, Boot: 10}, 3},
	}
	for _, test := range tests {
		require.Equal(t, test.most, test.later.Since(test.earlier), test.what)
	}
}

var errStop = errors.New("stop")

func TestFrom(t *testing.T) {
	require.Equal(t, host.System, host.From(context.Background()))
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		require.Same(t, m, host.From(host.With(t.Context(), m)))
	})
}

// onHosts runs the test in virtual time, on the real host and on a simulated one.
func onHosts(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	t.Run("system", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, t.Context()) })
	})
	t.Run("machine", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, host.With(t.Context(), hosttest.New(true))) })
	})
}

func TestWithTimeout(t *testing.T) {
	onHosts(t, func(t *testing.T, ctx context.Context) {
		timed, cancel := host.WithTimeout(ctx, time.Minute)
		defer cancel()
		require.Equal(t, host.From(ctx), host.From(timed))
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		require.NoError(t, timed.Err())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Error(t, timed.Err())
		require.Equal(t, context.DeadlineExceeded, context.Cause(timed))
		require.NoError(t, ctx.Err())
	})
	onHosts(t, func(t *testing.T, ctx context.Context) {
		timed, cancel := host.WithTimeout(ctx, time.Minute)
		cancel()
		require.Equal(t, context.Canceled, context.Cause(timed))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, context.Canceled, context.Cause(timed))
	})
	onHosts(t, func(t *testing.T, ctx context.Context) {
		ctx, stop := context.WithCancelCause(ctx)
		timed, cancel := host.WithTimeout(ctx, time.Minute)
		defer cancel()
		stop(errStop)
		require.Equal(t, errStop, context.Cause(timed))
	})
}

func TestWithTimeoutOfAMachineThatSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		timed, cancel := host.WithTimeout(host.With(t.Context(), m), time.Minute)
		defer cancel()
		m.Suspend()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, timed.Err())
		m.Resume()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Error(t, timed.Err())
	})
}

func TestAlarm(t *testing.T) {
	rings := func(a *host.Alarm) bool {
		synctest.Wait()
		select {
		case <-a.C:
			return true
		default:
			return false
		}
	}
	onHosts(t, func(t *testing.T, ctx context.Context) {
		a := host.NewAlarm(host.From(ctx))
		a.Stop() // which is nothing while it is not set
		time.Sleep(time.Hour)
		require.False(t, rings(a))

		begun := time.Now()
		a.Set(time.Minute)
		<-a.C
		require.Equal(t, time.Minute, time.Since(begun))
		time.Sleep(time.Hour)
		require.False(t, rings(a), "once")

		a.Set(time.Minute)
		time.Sleep(time.Second)
		a.Set(time.Hour)
		time.Sleep(time.Hour - 1)
		require.False(t, rings(a), "the later setting counts")
		time.Sleep(time.Nanosecond)
		require.True(t, rings(a))

		a.Set(time.Hour)
		a.Set(time.Minute)
		time.Sleep(time.Minute)
		require.True(t, rings(a), "also if it is sooner")
		time.Sleep(time.Hour)
		require.False(t, rings(a))

		a.Set(time.Minute)
		a.Stop()
		time.Sleep(time.Hour)
		require.False(t, rings(a), "stopped")

		a.Set(time.Minute)
		time.Sleep(time.Hour) // nobody listens
		a.Set(time.Minute)
		require.False(t, rings(a), "an old ring does not count")
		a.Stop()
		a.Set(-time.Minute)
		time.Sleep(time.Nanosecond)
		require.True(t, rings(a), "at once")
	})
}

// dice is a host whose random numbers are chosen.
type dice struct {
	host.Host
	next uint64
}

func (d dice) Uint64() uint64 { return d.next }

func TestJitter(t *testing.T) {
	for _, d := range []time.Duration{16, 17, 1000, time.Second, 5*time.Second + 1, math.MaxInt64} {
		least, most := d, time.Duration(0)
		for _, next := range []uint64{0, 1, uint64(d/16) - 1, uint64(d / 16), math.MaxUint64, math.MaxInt64, math.MaxInt64 + 1} {
			got := host.Jitter(dice{next: next}, d)
			require.LessOrEqual(t, got, d)
			require.Greater(t, got, d-d/16-1)
			least, most = min(least, got), max(most, got)
		}
		require.Equal(t, d, most, "never longer, and at most as long as was asked for")
		require.Equal(t, d-d/16+1, least, "all of the sixteenth is used")
	}
	for _, d := range []time.Duration{math.MinInt64, -time.Second, 0, 1, 15} {
		require.Equal(t, d, host.Jitter(dice{next: 7}, d))
	}
	differ := map[time.Duration]bool{}
	for range 10 {
		differ[host.Jitter(host.System, time.Hour)] = true
	}
	require.Greater(t, len(differ), 1)
}
