package leader

import (
	"context"
	"log/slog"
	"math"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// limited is a manager with limits.
type limited struct {
	lease.Manager
	limits lease.Limits
}

func (l limited) Limits() lease.Limits { return l.limits }

// timing has what a fuzzer turns, in the order of its arguments. The bits of given say which of them were set by options.
type timing struct {
	given                                                 uint8
	length, renew, acquire, margin, stop, hold, heartbeat time.Duration
	limits                                                lease.Limits
}

const (
	withLength = 1 << iota
	withRenew
	withAcquire
	withMargin
	withStop
	withHold
	withHeartbeat
)

func (c timing) options() []Option {
	opts := []Option{
		WhenStarted(func(context.Context) error { return nil }), WithLeaseManager(limited{memory.New(), c.limits}), WithNodeID("n"),
	}
	for bit, opt := range map[uint8]Option{
		withLength: WithLeaseLength(c.length), withRenew: WithRenewEvery(c.renew), withAcquire: WithAcquireEvery(c.acquire),
		withMargin: WithStopMargin(c.margin), withStop: WithStopTimeout(c.stop), withHold: WithHoldAtLeast(c.hold),
		withHeartbeat: WithHeartbeat(c.heartbeat, func(context.Context, bool) error { return nil }),
	} {
		if c.given&bit != 0 {
			opts = append(opts, opt)
		}
	}
	return opts
}

// wrong says, of the options that were given and by themselves, which are wrong, by a part of what is to be said of each.
func (c timing) wrong() (parts []string) {
	for _, o := range []struct {
		bit   uint8
		least time.Duration
		value time.Duration
		says  string
	}{
		{withLength, MinLeaseLength, c.length, "ease"},
		{withRenew, MinInterval, c.renew, "WithRenewEvery"}, {withAcquire, MinInterval, c.acquire, "WithAcquireEvery"},
		{withMargin, 0, c.margin, "WithStopMargin"}, {withStop, 0, c.stop, "WithStopTimeout"}, {withHold, 0, c.hold, "WithHoldAtLeast"},
		{withHeartbeat, shortest, c.heartbeat, "WithHeartbeat"},
	} {
		small := o.value < o.least || o.least == 0 && o.value > 0 && o.value < shortest
		if c.given&o.bit != 0 && (small || o.value > forever) {
			parts = append(parts, o.says)
		}
	}
	return parts
}

// fits tells, with numbers that do not overflow, whether the settings keep all that is promised of them.
func fits(o options) bool {
	n := func(d time.Duration) *big.Int { return big.NewInt(int64(d)) }
	usable := new(big.Int).Sub(n(o.length-o.length/10), n(o.stopMargin))
	l := o.limits
	return o.length > 0 && o.length >= l.MinLength && (l.MaxLength <= 0 || o.length <= l.MaxLength) &&
		(l.LengthStep <= 0 || o.length%l.LengthStep == 0) &&
		o.renewEvery > 0 && o.renewEvery >= l.WriteEvery && new(big.Int).Mul(big.NewInt(2), n(o.renewEvery)).Cmp(usable) < 0 &&
		o.acquireEvery > 0 && 0 <= o.holdAtLeast && o.holdAtLeast <= o.length
}

// isPlausible tells of limits that a manager may have.
func isPlausible(l lease.Limits) bool {
	shortest := DefaultLeaseLength
	if l.MaxLength > 0 {
		shortest = min(shortest, l.MaxLength)
	}
	return 0 <= l.MinLength && l.MinLength < forever/2 && 0 <= l.LengthStep && l.LengthStep < forever/2 && l.WriteEvery <= shortest/3 &&
		(l.MaxLength == 0 || l.MaxLength > 2 && l.MaxLength >= l.MinLength && (l.LengthStep == 0 || l.MaxLength%l.LengthStep == 0))
}

// FuzzOptions: whatever intervals are given, alone or together, and whatever the manager's limits are, Run refuses them
// and says of each that is wrong that it is; or two attempts to renew fit in before the deadline, nothing is outside the
// limits, what was given is as it was given, and no time to come overflows.
func FuzzOptions(f *testing.F) {
	add := func(given uint8, length, renew, acquire, margin, stop, hold, heartbeat time.Duration, l lease.Limits) {
		f.Add(given, int64(length), int64(renew), int64(acquire), int64(margin), int64(stop), int64(hold), int64(heartbeat),
			int64(l.MinLength), int64(l.MaxLength), int64(l.LengthStep), int64(l.WriteEvery))
	}
	const most = math.MaxInt64
	azure := lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second}
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{})
	add(0, 0, 0, 0, 0, 0, 0, 0, azure)
	add(127, time.Minute, time.Second, time.Second, time.Second, time.Second, time.Minute, time.Second, azure)
	add(127, 0, 0, 0, 0, 0, 0, 0, azure)
	add(127, -1, -1, -1, -1, -1, -1, -1, azure)
	add(127, most, most, most, most, most, most, most, azure)
	add(127, -most-1, -most-1, -most-1, -most-1, -most-1, -most-1, -most-1, lease.Limits{})
	add(withLength|withRenew, most, most/2+1, 0, 0, 0, 0, 0, lease.Limits{})
	add(withRenew, 0, most/3+1, 0, 0, 0, 0, 0, lease.Limits{})
	add(withRenew, 0, 1<<62, 0, 0, 0, 0, 0, azure)
	add(withRenew, 0, 1500*time.Millisecond, 0, 0, 0, 0, 0, lease.Limits{LengthStep: time.Second, WriteEvery: time.Second})
	add(withLength|withRenew, 10*time.Second, 4600*time.Millisecond, 0, 0, 0, 0, 0, lease.Limits{})
	add(withRenew, 0, time.Second/2, 0, 0, 0, 0, 0, lease.Limits{WriteEvery: time.Second})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{MinLength: time.Minute, MaxLength: time.Hour, LengthStep: time.Second, WriteEvery: time.Second})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{MaxLength: 5 * time.Second, LengthStep: time.Second, WriteEvery: time.Second})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{LengthStep: most})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{MinLength: most, LengthStep: 10})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{MinLength: -most, MaxLength: -most, LengthStep: -most, WriteEvery: -most})
	add(0, 0, 0, 0, 0, 0, 0, 0, lease.Limits{MaxLength: 1})
	for length := range time.Duration(5) {
		add(withLength, length, 0, 0, 0, 0, 0, 0, lease.Limits{})
	}
	add(withLength|withMargin, 10*time.Second, 0, 0, 4*time.Second, 0, 0, 0, lease.Limits{})
	add(withStop|withHeartbeat, 0, 0, 0, 0, most, 0, most, lease.Limits{})
	f.Fuzz(func(t *testing.T, given uint8, length, renew, acquire, margin, stop, hold, heartbeat, minLength, maxLength, step, writeEvery int64) {
		c := timing{
			given, time.Duration(length), time.Duration(renew), time.Duration(acquire), time.Duration(margin), time.Duration(stop),
			time.Duration(hold), time.Duration(heartbeat),
			lease.Limits{
				MinLength: time.Duration(minLength), MaxLength: time.Duration(maxLength), LengthStep: time.Duration(step),
				WriteEvery: time.Duration(writeEvery),
			},
		}
		o := newOptions(c.options())
		err, wrong := o.validate(untilDone), c.wrong()
		if given&127 == 0 && isPlausible(c.limits) {
			require.NoError(t, err, "what is left out follows from the limits")
		}
		for _, part := range wrong {
			require.ErrorContains(t, err, part)
		}
		if err != nil {
			require.True(t, len(wrong) > 0 || !fits(o) || o.length > forever, "nothing is wrong with %+v: %v", c, err)
			for line := range strings.Lines(err.Error()) {
				require.Regexp(t, `^(leader: |invalid lease request: )`, line)
			}
			return
		}
		require.True(t, fits(o), "%+v", o)
		for bit, kept := range map[uint8]bool{
			withLength: o.length == c.length, withRenew: o.renewEvery == c.renew, withAcquire: o.acquireEvery == c.acquire,
			withMargin: o.stopMargin == c.margin, withStop: o.stopTimeout == c.stop, withHold: o.holdAtLeast == c.hold,
			withHeartbeat: o.heartbeatEvery == c.heartbeat,
		} {
			require.True(t, c.given&bit == 0 || kept, "option %d is not as it was given", bit)
		}
		wantTimes(t, &o)
	})
}

// wantTimes fails unless all that is made of the settings later is a time that is to come, within what was asked for.
func wantTimes(t *testing.T, o *options) {
	t.Helper()
	const now = 30 * 365 * 24 * time.Hour // a machine that has run for long
	r := &run{opts: o, host: host.System}
	for _, d := range []time.Duration{
		o.length, o.renewEvery, o.acquireEvery, o.stopMargin, o.stopTimeout, o.heartbeatEvery, r.timeout() + lease.UndoTimeout(o.length) + requestTime,
	} {
		require.GreaterOrEqual(t, now+d, now)
	}
	require.Positive(t, r.timeout())
	require.LessOrEqual(t, r.timeout(), o.renewEvery)
	for n := 1; n < 70; n++ {
		require.GreaterOrEqual(t, r.backoff(n), o.limits.WriteEvery)
		require.LessOrEqual(t, r.backoff(n), max(o.renewEvery, o.limits.WriteEvery))
	}
	for _, left := range []time.Duration{0, 1, o.length} {
		require.LessOrEqual(t, r.renewTimeout(left), r.timeout())
	}
}

// FuzzRun: a job that runs once ends, whatever intervals it has that are not refused; and so does one whose context ends.
// A loop that goes round without waiting, for a time that has wrapped around say, makes it hang.
func FuzzRun(f *testing.F) {
	f.Add(uint8(127), int64(time.Minute), int64(time.Second), int64(time.Second), int64(time.Second), int64(time.Second), int64(time.Minute), int64(time.Second))
	f.Add(uint8(withLength), int64(1), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0))
	f.Add(uint8(withLength|withHold), int64(3), int64(0), int64(0), int64(0), int64(0), int64(3), int64(0))
	f.Add(uint8(withLength), int64(forever), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0))
	f.Add(uint8(withStop|withHeartbeat), int64(0), int64(0), int64(0), int64(0), int64(forever), int64(0), int64(forever))
	f.Fuzz(func(t *testing.T, given uint8, length, renew, acquire, margin, stop, hold, heartbeat int64) {
		c := timing{
			given, time.Duration(length), time.Duration(renew), time.Duration(acquire), time.Duration(margin), time.Duration(stop),
			time.Duration(hold), time.Duration(heartbeat), lease.Limits{},
		}
		if every := time.Duration(heartbeat); given&withHeartbeat != 0 && every < time.Second || given&withMargin != 0 && margin != 0 {
			return // a beat in each nanosecond was asked for, and is right; a margin may end the work at once
		}
		synctest.Test(t, func(t *testing.T) {
			quiet := WithLogger(slog.New(slog.DiscardHandler))
			machine := hosttest.New(true)
			time.Sleep(time.Hour) // its clocks are not at zero
			parent := host.With(t.Context(), machine)
			once := New(append(c.options(), quiet)...)
			if once.options.validate(untilDone) != nil || once.options.length < time.Second || once.options.renewEvery < time.Millisecond {
				return // real time passes as well, while a work of nanoseconds is begun
			}
			require.NoError(t, once.RunOnce(parent))

			ctx, cancel := context.WithCancel(parent)
			work := WhenStarted(func(ctx context.Context) error {
				cancel()
				<-ctx.Done()
				time.Sleep(time.Second) // it takes a while, with all clocks going on
				return nil
			})
			if d := once.options.stopTimeout; d > 0 && d < 2*time.Second {
				return
			}
			require.NoError(t, New(append(c.options(), quiet, work)...).Run(ctx))
		})
	})
}

// What FuzzOptions found.
func TestIntervalsThatOverflow(t *testing.T) {
	t.Parallel()
	const most = time.Duration(math.MaxInt64)
	for what, c := range map[string]struct {
		opt  Option
		says string
	}{
		"twice the renew interval":  {func(o *options) { WithLeaseLength(most)(o); WithRenewEvery(most/2 + 1)(o) }, "WithRenewEvery"},
		"three renew intervals":     {WithRenewEvery(most/3 + 1), "WithRenewEvery"},
		"no third of the length":    {WithLeaseLength(2), "no room for two attempts"},
		"the time of the next beat": {WithHeartbeat(most, func(context.Context, bool) error { return nil }), "WithHeartbeat"},
		"the time of the overrun":   {WithLeaseLength(most), "WithLeaseLength"},
		"the end of the work":       {WithStopTimeout(most), "WithStopTimeout"},
	} {
		err := New(WhenStarted(func(context.Context) error { return nil }), c.opt).Run(t.Context())
		require.ErrorContains(t, err, c.says, what)
	}
}
