package leader_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestOptions_AllProblemsAtOnce(t *testing.T) {
	err := leader.New(
		nil,
		leader.WhenStarted(nil),
		leader.WhenElected(nil),
		leader.WithHeartbeat(0, nil),
		leader.WithLeaseManager(nil),
		leader.WithLeaseName(""),
		leader.WithNodeID("line\nbreak"),
		leader.WithLeaseLength(-time.Second),
		leader.WithRenewEvery(0),
		leader.WithAcquireEvery(-1),
		leader.WithStopMargin(-1),
		leader.WithStopTimeout(-1),
		leader.WithHealth(nil),
		leader.WithHoldAtLeast(-1),
		leader.WithAttributes(map[string]string{"": "no key"}),
		leader.WithLogger(nil),
		leader.WithObserver(nil),
	).Run(t.Context())
	require.Error(t, err)
	for _, part := range []string{
		"an option is nil",
		"WhenStarted: there is no work",
		"WhenElected: the function is nil",
		"WithHeartbeat: the function is nil",
		"WithHeartbeat: the interval 0s is not positive",
		"WithLeaseManager: the manager is nil",
		"the name is empty",
		"control character U+000A",
		"the lease length -1s is not positive",
		"WithRenewEvery: the interval 0s is not positive",
		"WithAcquireEvery: -1ns is negative",
		"WithStopMargin: -1ns is negative",
		"WithStopTimeout: -1ns is negative",
		"WithHealth: the function is nil",
		"WithHoldAtLeast: -1ns is negative",
		"an attribute has an empty key",
		"WithLogger: the logger is nil",
		"WithObserver: the function is nil",
	} {
		assert.ErrorContains(t, err, part)
	}
}

func TestOptions_Refused(t *testing.T) {
	work := leader.WhenStarted(func(context.Context) error { return nil })
	azure := limited{memory.New(), lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second, WriteEvery: time.Second}}
	for name, c := range map[string]struct {
		opts []leader.Option
		want string
	}{
		"no work":                  {nil, "WhenStarted: there is no work"},
		"no room for two":          {[]leader.Option{work, leader.WithLeaseLength(10 * time.Second), leader.WithRenewEvery(4500 * time.Millisecond)}, "leaves no room for two attempts in the 9s"},
		"no room for two, derived": {[]leader.Option{work, leader.WithLeaseManager(azure), leader.WithRenewEvery(30 * time.Second)}, "leaves no room for two attempts in the 54s"},
		"no room with a margin":    {[]leader.Option{work, leader.WithStopMargin(4 * time.Second)}, "leaves no room for two attempts in the 9.5s"},
		"hold longer":              {[]leader.Option{work, leader.WithHoldAtLeast(time.Minute)}, "WithHoldAtLeast: 1m0s is more than the lease length, 15s"},
		"too short":                {[]leader.Option{work, leader.WithLeaseManager(azure), leader.WithLeaseLength(10 * time.Second)}, "below this store's minimum of 15s"},
		"too long":                 {[]leader.Option{work, leader.WithLeaseManager(azure), leader.WithLeaseLength(2 * time.Minute)}, "above this store's maximum of 1m0s"},
		"not a step":               {[]leader.Option{work, leader.WithLeaseManager(azure), leader.WithLeaseLength(20500 * time.Millisecond)}, "not a multiple of 1s"},
		"too often":                {[]leader.Option{work, leader.WithLeaseManager(azure), leader.WithRenewEvery(time.Second / 2)}, "more often than the manager allows, once in 1s"},
		"a long name":              {[]leader.Option{work, leader.WithLeaseName(strings.Repeat("x", 256))}, "has 256 bytes, more than 255"},
		"many attributes":          {[]leader.Option{work, leader.WithAttributes(map[string]string{"k": strings.Repeat("x", 1024)})}, "have 1025 bytes, more than 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			l := leader.New(append(c.opts, quiet())...)
			assert.ErrorContains(t, l.Run(t.Context()), c.want)
			assert.ErrorContains(t, l.RunOnce(t.Context()), c.want)
		})
	}
}

// What is left out follows from what is given. It shows in the requests.
func TestOptions_Derived(t *testing.T) {
	for name, c := range map[string]struct {
		opts                   []leader.Option
		limits                 lease.Limits
		length, renew, acquire time.Duration
	}{
		"nothing":        {nil, lease.Limits{}, 15 * time.Second, 5 * time.Second, 5 * time.Second},
		"length":         {[]leader.Option{leader.WithLeaseLength(30 * time.Second)}, lease.Limits{}, 30 * time.Second, 10 * time.Second, 10 * time.Second},
		"renew":          {[]leader.Option{leader.WithRenewEvery(time.Second)}, lease.Limits{}, 3 * time.Second, time.Second, time.Second},
		"acquire":        {[]leader.Option{leader.WithAcquireEvery(time.Second)}, lease.Limits{}, 15 * time.Second, 5 * time.Second, time.Second},
		"renew, length":  {[]leader.Option{leader.WithRenewEvery(time.Second), leader.WithLeaseLength(time.Minute)}, lease.Limits{}, time.Minute, time.Second, 20 * time.Second},
		"minimum":        {[]leader.Option{leader.WithRenewEvery(time.Second)}, lease.Limits{MinLength: 15 * time.Second}, 15 * time.Second, time.Second, 5 * time.Second},
		"step":           {[]leader.Option{leader.WithRenewEvery(1500 * time.Millisecond)}, lease.Limits{LengthStep: time.Second}, 5 * time.Second, 1500 * time.Millisecond, 5 * time.Second / 3},
		"writes limited": {[]leader.Option{leader.WithLeaseLength(2500 * time.Millisecond)}, lease.Limits{WriteEvery: time.Second}, 2500 * time.Millisecond, time.Second, 2500 * time.Millisecond / 3},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var renewals []time.Time
				a := w.node("a")
				m := limited{a.manager, c.limits}
				a.Leader = leader.New(append(c.opts, leader.WithLeaseManager(m), quiet(), leader.WithNodeID("a"),
					leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
					leader.WithObserver(func(e leader.Event) {
						if r, ok := e.(leader.RequestEvent); ok && r.Op == leader.OpRenew {
							renewals = append(renewals, r.At)
						}
					}))...)
				a.run()
				time.Sleep(10*c.renew + 1)
				synctest.Wait()
				assert.Equal(t, c.length, w.look().Length)
				require.Len(t, renewals, 10)
				assert.Equal(t, c.renew, renewals[1].Sub(renewals[0]))
				require.NoError(t, a.stop())

				w.force("other", false)
				loads, _ := a.link.counts()
				b := w.node("b", append(c.opts, leader.WithLeaseManager(m))...).run()
				time.Sleep(c.acquire)
				synctest.Wait()
				more, _ := a.link.counts()
				assert.Equal(t, 2, more-loads, "one at once, and one after an acquire interval at the latest")
				require.NoError(t, b.stop())
			})
		})
	}
}

type limited struct {
	lease.Manager
	limits lease.Limits
}

func (l limited) Limits() lease.Limits  { return l.limits }
func (l limited) Unwrap() lease.Manager { return l.Manager }

func TestOptions_Defaults(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	l := leader.New(leader.WhenStarted(func(ctx context.Context) error {
		term, _ := leader.TermFrom(ctx)
		assert.Equal(t, "leader", term.Name())
		assert.EqualValues(t, 1, term.Token())
		assert.NoError(t, term.Check())
		return nil
	}))
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil))) // after New: the default is that of when Run begins
	assert.NoError(t, l.Run(t.Context()))
	assert.Equal(t, 1, strings.Count(out.String(), "level=WARN"), out.String())
	assert.Contains(t, out.String(), "not for production")
	assert.NotEqual(t, leader.New().Status().Node, leader.New().Status().Node, "even in one process")
	assert.NoError(t, lease.CheckName(leader.New().Status().Node))
}

func TestStrings(t *testing.T) {
	assert.Equal(t, []string{"idle", "standby", "leading", "stopping", "unknown"}, []string{
		leader.Idle.String(), leader.Standby.String(), leader.Leading.String(), leader.Stopping.String(), leader.State(9).String(),
	})
}

// A nil in any guise is refused, and nothing panics.
func TestOptions_TypedNil(t *testing.T) {
	var none *memory.Manager
	err := leader.New(leader.WithLeaseManager(none), leader.WhenStarted(func(context.Context) error { return nil }), leader.WithHealth(func(context.Context) error { return nil }, nil)).Run(t.Context())
	assert.ErrorContains(t, err, "WithLeaseManager: the manager is nil")
	assert.ErrorContains(t, err, "WithHealth")
}

// A number that has lost its unit is refused, with what helps.
func TestOptions_Units(t *testing.T) {
	work := leader.WhenStarted(func(context.Context) error { return nil })
	for name, opt := range map[string]leader.Option{
		"WithLeaseLength": leader.WithLeaseLength(15), "WithRenewEvery": leader.WithRenewEvery(5000), "WithAcquireEvery": leader.WithAcquireEvery(5),
		"WithStopMargin": leader.WithStopMargin(1), "WithStopTimeout": leader.WithStopTimeout(30), "WithEndTimeout": leader.WithEndTimeout(5),
		"WithHoldAtLeast": leader.WithHoldAtLeast(60),
		"WithHeartbeat":   leader.WithHeartbeat(30, func(context.Context, bool) error { return nil }),
	} {
		err := leader.New(work, opt).Run(t.Context())
		require.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, "a number without a unit is nanoseconds: write 15*time.Second")
	}
	short := leader.New(work, quiet(), leader.WithRenewEvery(leader.MinInterval))
	require.NoError(t, short.Run(t.Context()))
	assert.Equal(t, leader.MinLeaseLength, short.Status().Length, "a length that is derived is no shorter than one that may be given")
	assert.ErrorContains(t, leader.New(work, leader.WithEndTimeout(0)).Run(t.Context()), "WithEndTimeout: the interval 0s is not positive")
}
