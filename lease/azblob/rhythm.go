package azblob

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// lookAfter returns the time from now to the best moment for the next look: just after the lease can next run out or be
// renewed. Azure shows neither. But the record says how often the holder renews (by default every third of the length),
// and a leader of this module renews at whole intervals after it asked for the lease. This relies on two machines'
// clocks and on usual behaviour, so it is a hint. If it is wrong, it is no worse than any other time.
//
// Each manager looks at its own moment in a window after that: otherwise all standbys would ask for a free lease at
// once. A manager that has looked in the window looks again an interval later, even if a new holder appeared, whose own
// window has just begun. So it stays in step at no cost.
func (m *manager) lookAfter(seen record, now time.Time) time.Duration {
	every := seen.renewEvery
	if every <= 0 || every > seen.length {
		every = seen.length / lease.IntervalsPerLength
	}
	if seen.acquired.IsZero() || every < 64 {
		return 0
	}
	window := every / 12
	own := every/32 + time.Duration(m.late*float64(window))
	passed := (now.Sub(seen.acquired) - seen.length) % every
	if passed < 0 {
		passed += every
	}
	switch soon := every / 64; {
	case passed > own:
		return every + own - passed
	case passed >= soon: // early, but in the window
		return every
	}
	return own - passed
}
