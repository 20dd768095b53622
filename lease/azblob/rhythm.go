package azblob

import "time"

// lookAfter is the time from now to the next look that is best: just after the next moment at which the lease can run out, or
// be renewed. Azure shows neither. But its holder says how often it renews, by default every third of the length, and does
// so at whole intervals after it asked for the lease, if it is a leader of this module. This goes by the clocks of two
// machines, and by what is only usual: it is a hint, and if it is wrong, it is no worse than any other time.
//
// Each manager looks at a moment of its own in the window after that, or all standbys would ask for a free lease at once. It
// costs nothing to stay in step: who has looked in the window looks an interval later again, also if that look showed a new
// holder, whose own window has just begun.
func (m *manager) lookAfter(seen record, now time.Time) time.Duration {
	every := seen.renewEvery
	if every <= 0 || every > seen.length {
		every = seen.length / 3
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
	case passed >= soon: // early in the window, but in it
		return every
	}
	return own - passed
}
