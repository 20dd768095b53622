package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// fit returns the length nearest to d within the limits.
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
	shortest  = 3 * time.Second // below, pauses of the process matter more than the store
)

// needed returns the shortest length that suits a store whose renewals take so long. If writes are limited, another
// write fits between two renewals.
func needed(renewal time.Duration, l lease.Limits) time.Duration {
	return fit(ceil(max(perLength*renewal, 6*l.WriteEvery, shortest)), l)
}

func (d *doctor) checkLatency(context.Context) Finding {
	d.report.Reads, d.report.Renewals = latencyOf(d.reads), latencyOf(d.renewals)
	if d.report.Renewals == nil {
		return wrong("see why renewals fail, above", "no renewal succeeded")
	}
	slow, slowest := duration(d.report.Renewals.P99), duration(d.report.Renewals.Max)
	least, every := needed(slow, d.limits), d.length/lease.IntervalsPerLength
	if slowest >= every { // otherwise the suggested length would not do here either
		least = max(least, fit(ceil(4*slowest), d.limits))
	}
	suggested := max(least, fit(leader.DefaultLeaseLength, d.limits))
	advice := "use a store that is nearer"
	if slowest < suggested/lease.IntervalsPerLength {
		d.report.Suggested = suggested.Seconds()
		advice = fmt.Sprintf("use a lease length of %v, or a store that is nearer", suggested)
	}
	switch {
	case slowest >= every:
		return wrong(advice, "a renewal took %v, and with a lease length of %v it is given up after %v",
			slowest.Round(time.Millisecond), d.length, every.Round(time.Millisecond))
	case least > d.length:
		f := wrong(advice, "a renewal took %v of the %v between two, which leaves little room for others",
			slow.Round(time.Millisecond), every.Round(time.Millisecond))
		f.Result = Warning
		return f
	}
	return fine("a renewal took at most %v of the %v between two; this store suits a lease length of %v and more",
		slowest.Round(time.Millisecond), every.Round(time.Millisecond), least)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// ceil rounds up to whole seconds.
func ceil(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
