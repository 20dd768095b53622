package leader

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The defaults of WithLeaseName and WithLeaseLength.
const (
	DefaultLeaseName   = "leader"
	DefaultLeaseLength = 15 * time.Second
)

// longestEnd bounds the default of WithEndTimeout.
const longestEnd = 5 * time.Second

func newOptions(opts []Option) options {
	o := options{lease: DefaultLeaseName}
	for _, set := range opts {
		if set == nil {
			set = option("nil", func(*options) {})
		}
		set(&o)
	}
	if absent.Is(o.manager) {
		o.manager = nil
	}
	if !o.has("WithLeaseManager") {
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
		o.length = DefaultLeaseLength
		if o.has("WithRenewEvery") {
			o.length = lease.IntervalsPerLength * min(max(o.renewEvery, 0), forever)
		}
		o.length = max(o.length, o.limits.MinLength, MinLeaseLength)
		if step := o.limits.LengthStep; step > 0 && o.length%step > 0 {
			o.length += min(step-o.length%step, math.MaxInt64-o.length)
		}
		if o.limits.MaxLength > 0 {
			o.length = min(o.length, o.limits.MaxLength)
		}
	}
	if !o.has("WithRenewEvery") {
		o.renewEvery = max(o.length/lease.IntervalsPerLength, o.limits.WriteEvery, 1)
	}
	if !o.has("WithAcquireEvery") {
		o.acquireEvery = max(o.length/lease.IntervalsPerLength, 1)
	}
	if !o.has("WithEndTimeout") {
		o.endTimeout = min(o.renewEvery, longestEnd)
	}
}

func (o *options) request() lease.Request {
	return lease.Request{
		Name: o.lease, Holder: o.node, Length: o.length, Attributes: maps.Clone(o.attributes), RenewEvery: o.renewEvery, Heeds: heeds,
	}
}

func nodeID() string {
	name, err := os.Hostname()
	if err != nil || lease.CheckName(name) != nil || len(name) > 200 {
		name = "node"
	}
	return fmt.Sprintf("%s-%d-%04x", name, os.Getpid(), host.System.Uint64()%(1<<16))
}
