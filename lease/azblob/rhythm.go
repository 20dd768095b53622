package azblob

import "time"

// lookAfter is the time from now to the next look that is best: just after the next moment at which the lease can run out, or
// be renewed. Azure shows neither. But its holder renews at whole intervals after it acquired the lease, if it is a leader of
// this module, so the lease runs out at such a moment, too; by default, an interval is a third of the length. This goes by
// the clocks of two machines, and by what is only usual: it is a hint, and if it is wrong, it is no worse than any other time.
func (m *manager) lookAfter(seen record, now time.Time) time.Duration {
	every := seen.length / 3
	if seen.acquired.IsZero() || every < 32 {
		return 0
	}
	// A little later, and not all standbys at the same time, or they would all ask for a free lease at once.
	fine := every / 32
	late := fine + time.Duration(m.late*float64(fine))
	passed := (now.Sub(seen.acquired)%every - late) % every
	if passed < 0 {
		passed += every
	}
	return every - passed
}
