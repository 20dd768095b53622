package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/lease"
)

// plan derives when the program is stopped, and how often the lease is renewed, from the flags.
//
// A lease of 15 s holds for 13.5 s, less its safety margin. By default, the program gets SIGTERM 3 s before that is over,
// and SIGKILL 0.5 s before; renewals each 5 s fit in twice.
func (f *runFlags) plan(limits lease.Limits) (timing, time.Duration, error) {
	if f.length <= 0 || f.stop < 0 || f.renewEvery < 0 || f.acquireEvery < 0 {
		return timing{}, 0, fmt.Errorf("--lease-length is positive, and --renew-every, --acquire-every and --stop-timeout are not negative")
	}
	err := errors.Join(tooShort("lease-length", f.length, shortestLease),
		tooShort("renew-every", f.renewEvery, shortestInterval), tooShort("acquire-every", f.acquireEvery, shortestInterval))
	if err != nil {
		return timing{}, 0, err
	}
	t := timing{Stop: f.stop, Kill: f.length / 30}
	if t.Stop == 0 {
		t.Stop = f.length / 6
	}
	usable := f.length - lease.Margin(f.length) - t.margin()
	if usable < f.length/10 {
		enough := (t.Stop*4/3 + time.Second).Round(time.Second)
		return timing{}, 0, fmt.Errorf("--stop-timeout %v: that long a program cannot take to end within a lease of %v; "+
			"give it less, or a --lease-length of %v, after which a dead leader is replaced", t.Stop, f.length, max(enough, limits.MinLength))
	}
	renewEvery := f.renewEvery
	if renewEvery == 0 {
		renewEvery = f.length / 3
		if 2*renewEvery >= usable {
			renewEvery = usable / 3
		}
		renewEvery = max(renewEvery, limits.WriteEvery)
	}
	if 2*renewEvery >= usable {
		return timing{}, 0, fmt.Errorf("--renew-every %v: two renewals have to fit into the %v that a lease of %v holds before the program "+
			"gets SIGTERM; give a shorter --renew-every (%v or more) or --stop-timeout, or a longer --lease-length", renewEvery, usable, f.length, limits.WriteEvery)
	}
	return t, renewEvery, nil
}
