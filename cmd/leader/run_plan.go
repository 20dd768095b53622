package main

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/lease"
)

// drainTimeout is the default of --drain-timeout: longer than programs usually take, and less than systemd waits, 90 s
// (https://www.freedesktop.org/software/systemd/man/latest/systemd-system.conf.html, DefaultTimeoutStopSec=), so that the
// lease is released before systemd kills leader.
const drainTimeout = time.Minute

// plan derives when the program is stopped, and how often the lease is renewed, from the flags.
//
// A lease of 15 s holds for 13.5 s, less its safety margin. By default, the program gets SIGTERM 3 s before that is over,
// and SIGKILL 0.5 s before; renewals each 5 s fit in twice.
func (f *runFlags) plan(limits lease.Limits) (guard.Timing, time.Duration, error) {
	if f.length <= 0 || f.stop < 0 || f.renewEvery < 0 || f.acquireEvery < 0 {
		return guard.Timing{}, 0, fmt.Errorf("--lease-length must be positive, and --renew-every, --acquire-every and --stop-timeout must not be negative")
	}
	if f.drain <= 0 {
		return guard.Timing{}, 0, fmt.Errorf("--drain-timeout %v is not positive: give the time that the program may take to end when leader is asked to stop", f.drain)
	}
	err := errors.Join(tooShort("lease-length", f.length, leader.MinLeaseLength),
		tooShort("renew-every", f.renewEvery, leader.MinInterval), tooShort("acquire-every", f.acquireEvery, leader.MinInterval))
	if err != nil {
		return guard.Timing{}, 0, err
	}
	t, renewEvery, usable := f.within(f.length, limits)
	if f.health.Timeout > renewEvery {
		return guard.Timing{}, 0, fmt.Errorf("--health-timeout %v is more than %v, the time between two renewals, which no check gets: give a longer --renew-every, or a check that is faster", f.health.Timeout, renewEvery)
	}
	if 2*renewEvery < usable {
		return t, renewEvery, nil
	}
	longer := ""
	if enough, ok := f.enough(limits); ok {
		longer = fmt.Sprintf(", or a --lease-length of %v, after which a dead leader is replaced", enough)
	}
	return guard.Timing{}, 0, fmt.Errorf("two renewals, each %v, have to fit into the %v that a lease of %v holds before the program gets SIGTERM, "+
		"%v (--stop-timeout) before SIGKILL: give a shorter --stop-timeout or --renew-every (%v or more)%s; how long the program may take when leader is asked to stop is --drain-timeout",
		renewEvery, max(usable, 0).Round(time.Millisecond), f.length, t.Stop.Round(time.Millisecond), max(limits.WriteEvery, leader.MinInterval), longer)
}

// enough returns the shortest lease, in whole seconds, for which the flags fit. It reports false if no lease is that long.
func (f *runFlags) enough(limits lease.Limits) (time.Duration, bool) {
	least, most := int(f.length/time.Second)+1, int(longest/time.Second)
	n := least + sort.Search(max(most-least, 0), func(n int) bool {
		_, renewEvery, usable := f.within(time.Duration(least+n)*time.Second, limits)
		return 2*renewEvery < usable
	})
	return max(time.Duration(n)*time.Second, limits.MinLength), n < most
}

// within returns the plan for a lease of this length, which may not fit: usable is how long it holds before the program gets
// SIGTERM.
func (f *runFlags) within(length time.Duration, limits lease.Limits) (t guard.Timing, renewEvery, usable time.Duration) {
	t = guard.Timing{Stop: f.stop, Drain: f.drain, Kill: length / 30}
	if t.Stop == 0 {
		t.Stop = length / 6
	}
	if renewEvery = f.renewEvery; renewEvery == 0 {
		renewEvery = max(length/lease.IntervalsPerLength, limits.WriteEvery)
	}
	return t, renewEvery, length - lease.Margin(length) - t.Margin()
}
