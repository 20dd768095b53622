package main

import (
	"context"
	"time"

	"github.com/cloudlease/leader/lease"
)

// fit is the nearest length to d that is within the limits.
func fit(d time.Duration, l lease.Limits) time.Duration {
	d = max(d, l.MinLength)
	if step := l.LengthStep; step > 0 {
		d = (d + step - 1) / step * step
	}
	if l.MaxLength > 0 {
		d = min(d, l.MaxLength)
	}
	return d
}

const (
	// A leader renews three times in a lease length. That a renewal usually takes no more than a third of the time between
	// two leaves room for two more attempts, and for a worse day than this one.
	perLength = 9
	shortest  = 3 * time.Second // below, it is not the store that counts, but how long a process can be kept from running
)

// needed is the shortest length that suits a store whose renewals take so long. Where writes are few, between two
// renewals there is room for another.
func needed(renewal time.Duration, l lease.Limits) time.Duration {
	return fit(ceil(max(perLength*renewal, 6*l.WriteEvery, shortest)), l)
}

func (d *doctor) checkLatency(context.Context) finding {
	d.report.Reads, d.report.Renewals = latencyOf(d.reads), latencyOf(d.renewals)
	if d.report.Renewals == nil {
		return wrong("see why renewals fail, above", "no renewal could be timed")
	}
	slow, slowest := seconds(d.report.Renewals.P99), seconds(d.report.Renewals.Max)
	least := needed(slow, d.limits)
	suggested := max(least, fit(defaultLength, d.limits))
	d.report.Suggested = suggested.Seconds()
	every := d.length / 3
	switch {
	case slowest >= every:
		return wrong("use a lease length of "+suggested.String()+", or a store that is nearer",
			"a renewal took %v, and with a lease length of %v it is given up after %v", slowest.Round(time.Millisecond), d.length, every)
	case least > d.length:
		f := wrong("use a lease length of "+suggested.String()+", or a store that is nearer",
			"a renewal took %v of the %v between two, which leaves little room for others", slow.Round(time.Millisecond), every)
		f.Result = warning
		return f
	}
	return fine("a renewal took at most %v of the %v between two; this store suits a lease length of %v and more",
		slowest.Round(time.Millisecond), every, least)
}

const (
	ageWithin  = 8 * time.Second // stores leave out three seconds, and up to three more that their clocks do not tell
	ageEvery   = time.Second
	ageAllowed = 100 * time.Millisecond // clocks that run at slightly different rates
)

// checkClock looks at a record of whose age one thing is certain: it is not more than has passed since before it was
// sent. Each look is a new manager's, as one that has seen the record before goes by its own watching as well.
func (d *doctor) checkClock(ctx context.Context) finding {
	return d.while(ctx, func(*holding) finding {
		sent := d.sent
		for time.Since(sent) < ageWithin {
			age, err := d.lookAnew(ctx)
			passed := time.Since(sent)
			switch {
			case err != nil:
				return refused(err)
			case age > passed+ageAllowed:
				return wrong("do not elect leaders here: leases would be taken over before they are over; see that the clocks of the store's machines agree",
					"the store says that a record is %v old, and it was written %v ago", age, passed)
			case age > 0:
				d.report.TellsAge = new(true)
				return fine("the store tells how old a record is: a node that has just started takes over at once what has run out; " +
					"how far its clock is from this machine's is not known, and no lease depends on it")
			}
			d.progress("clock: does the store tell how old a record is? ...")
			if !wait(ctx, ageEvery) {
				return finding{Result: skipped, Detail: interrupted}
			}
		}
		d.report.TellsAge = new(false)
		return fine("the store does not tell how old a record is; no lease depends on its clock or this machine's")
	})
}

// lookAnew is the age of the record as a node sees it that has just started.
func (d *doctor) lookAnew(ctx context.Context) (time.Duration, error) {
	m, done, err := d.open(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	var info lease.Info
	err = ask(ctx, callPatience, func(ctx context.Context) error {
		info, err = lease.Inspect(ctx, m, d.name)
		return err
	})
	return info.Age, err
}
