package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader/lease"
)

const (
	// A leader renews three times in a lease length. That a renewal usually takes no more than a third of the time between
	// two leaves room for two more attempts, and for a worse day than this one.
	perLength = 9
	shortest  = 3 * time.Second // below, pauses of the process matter more than the store
)

// A need is a length below which leaders do not do well on a store, and the reason.
type need struct {
	least  time.Duration
	detail string // of a warning about a shorter length, with %[1]v for that, %[2]v for its renew interval and %[3]v for its limit
	other  string // what helps besides a longer one
	limit  time.Duration
}

// needs returns what a store with these limits, and every leader, needs, however fast renewals are. If writes are limited, another write
// fits between two renewals.
func needs(l lease.Limits) []need {
	const other = ", or another store"
	return []need{
		{l.MinLength, "a lease length of %[1]v is below this store's minimum of %[3]v", other, l.MinLength},
		{6 * l.WriteEvery, "with a lease length of %[1]v, a leader renews every %[2]v, and this store may be written once in %[3]v: " +
			"another write hardly fits between two renewals", other, l.WriteEvery},
		{shortest, "a lease length of %[1]v is below %[3]v: a pause of the process may end the term, however fast the store is", "", shortest},
	}
}

// greatest returns the need that decides.
func greatest(all []need) need {
	return slices.MaxFunc(all, func(a, b need) int { return cmp.Compare(a.least, b.least) })
}

// needed returns the shortest length that suits a store whose renewals take so long.
func needed(renewal time.Duration, l lease.Limits) time.Duration {
	return fit(ceil(max(perLength*renewal, greatest(needs(l)).least)), l)
}

func (d *doctor) checkLatency(context.Context) Finding {
	d.report.Reads, d.report.Renewals = latencyOf(d.reads), latencyOf(d.renewals)
	if d.report.Renewals == nil {
		return wrong("see why renewals fail, above", "no renewal succeeded")
	}
	slow, slowest := duration(d.report.Renewals.P99), duration(d.report.Renewals.Max)
	least, every := needed(slow, d.limits), leaderOf(d.length, d.limits).Status().RenewEvery
	if slowest >= every { // otherwise the suggested length would not do here either
		least = max(least, fit(ceil(4*slowest), d.limits))
	}
	suggested := max(least, usual(d.limits))
	longer := ""
	if slowest < suggested/lease.IntervalsPerLength {
		d.report.Suggested = suggested.Seconds()
		if suggested > d.length {
			longer = fmt.Sprintf("use a lease length of %v", suggested)
		}
	}
	decides := greatest(needs(d.limits))
	nearer, other := longer+", or a store that is nearer", longer+decides.other
	if longer == "" {
		nearer, other = "use a store that is nearer", "use another store"
	}
	switch {
	case slowest >= every:
		return wrong(nearer, "a renewal took %v, and with a lease length of %v it is given up after %v",
			slowest.Round(time.Millisecond), d.length, every.Round(time.Millisecond))
	case perLength*slow > d.length:
		return warned(nearer, "a renewal took %v of the %v between two, which leaves little room for others",
			slow.Round(time.Millisecond), every.Round(time.Millisecond))
	case decides.least > d.length:
		return warned(other, decides.detail, d.length, every.Round(time.Millisecond), decides.limit)
	}
	return fine("a renewal took at most %v of the %v between two; this store suits a lease length of %s",
		slowest.Round(time.Millisecond), every.Round(time.Millisecond), suits(min(least, fit(d.length, d.limits)), d.limits))
}

// suits returns the lengths from least on, for people.
func suits(least time.Duration, l lease.Limits) string {
	switch {
	case l.MaxLength <= 0:
		return fmt.Sprintf("%v and more", least)
	case l.MaxLength <= least:
		return least.String()
	}
	return fmt.Sprintf("%v to %v", least, l.MaxLength)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// ceil rounds up to whole seconds.
func ceil(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
