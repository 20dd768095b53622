package leader

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const (
	defaultLease  = "leader"
	defaultLength = 15 * time.Second

	// forever is the longest interval: longer than any process runs, and short enough that no sum of a few overflows.
	forever = 50 * 365 * 24 * time.Hour
)

func newOptions(opts []Option) options {
	o := options{lease: defaultLease}
	for _, set := range opts {
		if set == nil {
			set = option("nil", func(*options) {})
		}
		set(&o)
	}
	if o.manager == nil && !o.has("WithLeaseManager") {
		o.manager = memory.New()
	}
	if !o.has("WithNodeID") {
		o.node = nodeID()
	}
	o.derive()
	return o
}

// has reports whether the option was used.
func (o *options) has(name string) bool { return slices.Contains(o.given, name) }

// derive fills in the intervals that were left out from those that were given, within what the manager allows.
func (o *options) derive() {
	if o.manager != nil {
		o.limits = lease.LimitsOf(o.manager)
	}
	if !o.has("WithLeaseLength") {
		o.length = defaultLength
		if o.has("WithRenewEvery") {
			o.length = 3 * min(max(o.renewEvery, 0), forever)
		}
		o.length = max(o.length, o.limits.MinLength)
		if step := o.limits.LengthStep; step > 0 && o.length%step > 0 {
			o.length += min(step-o.length%step, math.MaxInt64-o.length)
		}
		if o.limits.MaxLength > 0 {
			o.length = min(o.length, o.limits.MaxLength)
		}
	}
	if !o.has("WithRenewEvery") {
		o.renewEvery = max(o.length/3, o.limits.WriteEvery, 1)
	}
	if !o.has("WithAcquireEvery") {
		o.acquireEvery = max(o.length/3, 1)
	}
}

// validate reports everything that is wrong, at once.
func (o *options) validate() error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf("leader: "+format, args...))
		}
	}
	refuse(o.has("nil"), "New: an option is nil")
	refuse(o.work == nil, "WhenStarted: there is no work: give a function to run while this node leads")
	refuse(o.elected == nil && o.has("WhenElected"), "WhenElected: the function is nil")
	refuse(o.heartbeat == nil && o.has("WithHeartbeat"), "WithHeartbeat: the function is nil")
	refuse(o.health == nil && o.has("WithHealth"), "WithHealth: the function is nil")
	refuse(o.manager == nil, "WithLeaseManager: the manager is nil")
	refuse(o.logger == nil && o.has("WithLogger"), "WithLogger: the logger is nil")
	refuse(slices.ContainsFunc(o.observers, func(f func(Event)) bool { return f == nil }), "WithObserver: the function is nil")

	refuse(o.heartbeatEvery <= 0 && o.has("WithHeartbeat"), "WithHeartbeat: the interval %v is not positive", o.heartbeatEvery)
	refuse(o.renewEvery <= 0 && o.has("WithRenewEvery"), "WithRenewEvery: the interval %v is not positive", o.renewEvery)
	refuse(o.acquireEvery <= 0 && o.has("WithAcquireEvery"), "WithAcquireEvery: the interval %v is not positive", o.acquireEvery)
	refuse(o.stopMargin < 0, "WithStopMargin: %v is negative", o.stopMargin)
	refuse(o.stopTimeout < 0, "WithStopTimeout: %v is negative", o.stopTimeout)
	refuse(o.holdAtLeast < 0, "WithHoldAtLeast: %v is negative", o.holdAtLeast)
	for _, i := range []struct {
		option string
		d      time.Duration
	}{
		{"WithHeartbeat", o.heartbeatEvery}, {"WithLeaseLength", o.length}, {"WithRenewEvery", o.renewEvery},
		{"WithAcquireEvery", o.acquireEvery}, {"WithStopMargin", o.stopMargin}, {"WithStopTimeout", o.stopTimeout},
		{"WithHoldAtLeast", o.holdAtLeast},
	} {
		refuse(i.d > forever, "%s: %v is more than fifty years, and times to come must not overflow: give less", i.option, i.d)
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

func (o *options) request() lease.Request {
	return lease.Request{Name: o.lease, Holder: o.node, Length: o.length, Attributes: o.attributes}
}

func nodeID() string {
	name, err := os.Hostname()
	if err != nil || lease.CheckName(name) != nil || len(name) > 200 {
		name = "node"
	}
	return fmt.Sprintf("%s-%d-%04x", name, os.Getpid(), host.System.Uint64()%(1<<16))
}
