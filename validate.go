package leader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader/lease"
)

// The shortest lease, and the shortest interval between requests. Run refuses shorter ones: most of them are numbers
// without a unit, such as 15, which means 15 nanoseconds.
const (
	MinLeaseLength = 100 * time.Millisecond
	MinInterval    = 10 * time.Millisecond
)

const (
	shortest = time.Millisecond // what is neither

	// forever is the longest interval: longer than any process runs, and short enough that no sum of a few overflows.
	forever = lease.Forever / 2
)

// validate reports every invalid option of a run at once.
func (o *options) validate(kind kind) error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf("leader: "+format, args...))
		}
	}
	refuse(o.has("nil"), "New: an option is nil")
	refuse(kind != oneTerm && o.work == nil, "WhenStarted: there is no work: give a function to run while this node leads")
	refuse(kind == oneTerm && o.has("WhenStarted"), "WhenStarted: Acquire runs no work: leave the function out, or call Run")
	refuse(o.elected == nil && o.has("WhenElected"), "WhenElected: the function is nil")
	refuse(o.heartbeat == nil && o.has("WithHeartbeat"), "WithHeartbeat: the function is nil")
	refuse(o.health == nil && o.has("WithHealth"), "WithHealth: the function is nil")
	refuse(o.manager == nil, "WithLeaseManager: the manager is nil")
	refuse(o.logger == nil && o.has("WithLogger"), "WithLogger: the logger is nil")
	refuse(slices.ContainsFunc(o.wakes, func(f func(context.Context, lease.Info) error) bool { return f == nil }), "WithWake: the function is nil")
	refuse(slices.ContainsFunc(o.observers, func(f func(Event)) bool { return f == nil }), "WithObserver: the function is nil")

	refuse(o.sickAfter < 1 && o.health != nil, "WithHealth: After(%d): at least one failure makes a node unhealthy", o.sickAfter)

	for _, i := range []struct {
		option string
		d      time.Duration
		least  time.Duration
		zero   bool // is a value
	}{
		{"WithHeartbeat", o.heartbeatEvery, shortest, false},
		{"WithLeaseLength", o.length, MinLeaseLength, false},
		{"WithRenewEvery", o.renewEvery, MinInterval, false},
		{"WithAcquireEvery", o.acquireEvery, MinInterval, false},
		{"WithStopMargin", o.stopMargin, shortest, true},
		{"WithStopTimeout", o.stopTimeout, shortest, true},
		{"WithEndTimeout", o.endTimeout, shortest, false},
		{"WithHoldAtLeast", o.holdAtLeast, shortest, true},
		{"WithPatience", o.patience, shortest, true},
	} {
		given := o.has(i.option)
		refuse(given && i.d < 0, "%s: %v is negative", i.option, i.d)
		refuse(given && i.d == 0 && !i.zero, "%s: the interval %v is not positive", i.option, i.d)
		refuse(given && i.d > 0 && i.d < i.least, "%s: %v is less than %v, the least: a number without a unit is nanoseconds: write 15*time.Second, say",
			i.option, i.d, i.least)
		refuse(i.d > forever, "%s: %v is longer than any process runs, and times to come must not overflow: give less", i.option, i.d)
	}
	refuse(o.length > 0 && o.holdAtLeast > o.length,
		"WithHoldAtLeast: %v is more than the lease length, %v: nothing holds a lease longer", o.holdAtLeast, o.length)

	if o.length > 0 && o.renewEvery > 0 && o.stopMargin >= 0 {
		usable := o.length - lease.Margin(o.length) - o.stopMargin
		refuse(2*o.renewEvery >= usable,
			"WithRenewEvery: %v leaves no room for two attempts in the %v that a lease of %v holds, less its margin and WithStopMargin",
			o.renewEvery, usable, o.length)
		refuse(o.renewEvery < o.limits.WriteEvery,
			"WithRenewEvery: %v is more often than the manager allows, once in %v", o.renewEvery, o.limits.WriteEvery)
	}
	if err := o.request().Validate(o.limits); err != nil {
		problems = append(problems, fmt.Errorf("leader: lease %q, node %q: %w", o.lease, o.node, err))
	}
	return errors.Join(problems...)
}
