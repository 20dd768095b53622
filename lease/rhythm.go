package lease

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// rhythm is what a standby has found out about when the holder renews. It leads to a look just after each renewal, so that
// the last one before a crash is seen at once, and not up to a poll later: from then on the lease's length is watched
// (R1). All of it is a hint, which may be wrong; who has the lease is not decided by it.
//
// A renewal carries the time at which it was sent, by the holder's clock. How much later by this machine's monotonic clock
// it can be seen, the lag, is always about the same: the difference of the two clocks, and the time that a request takes.
// If wall clocks agree, as those of a fleet mostly do, it is known at once; else it is narrowed down by halves. From then
// on each look comes a little earlier than the one before, until one is too early: then it is a little later again.
type rhythm struct {
	id      string
	renewed time.Duration // when the latest renewal was sent, by the holder's clock
	passed  time.Duration // from the one before to it, by the holder's clock
	period  time.Duration // between two renewals; 0: not known
	lag     time.Duration // after which the next look is to be
	width   time.Duration // how much shorter it may be; 0: nothing is known of it
	looked  time.Duration // when the latest look was
}

// look notes what a look showed, at a time of the monotonic clock, and returns in how long the next is best; 0 if nothing is
// known.
func (r *rhythm) look(h host.Host, now time.Duration, seen record) time.Duration {
	renewed, gap := time.Duration(seen.Renewed.UnixNano()), now-r.looked
	r.looked = now
	if seen.ID != r.id {
		*r = rhythm{id: seen.ID, renewed: renewed, looked: now}
		return 0
	}
	if renewed != r.renewed {
		last := r.passed
		r.passed, r.renewed = renewed-r.renewed, renewed
		if r.period = r.passed; last > 0 {
			r.period = min(last, r.passed) // one that was late, or missed, is no rhythm
		}
		r.hit(h, now-renewed, gap, now-time.Duration(h.Now().UnixNano()))
	}
	// Nor is what is longer than the lease: a clock was stepped. And who looks seldom gains nothing by looking in time.
	if r.width == 0 || r.period <= 0 || r.period > time.Duration(seen.Length) || gap > r.period*3/2 {
		return 0
	}
	due := r.renewed + r.period
	if now >= due+r.lag { // too early, or the renewal is late, or there is none
		if now >= due+r.lag+r.width {
			return 0
		}
		r.lag += r.width
	}
	return due + r.lag - now
}

// hit notes that a renewal was seen: after the lag, at the earliest the gap to the look before sooner.
func (r *rhythm) hit(h host.Host, lag, gap, agreed time.Duration) {
	fine := r.period / 32
	switch {
	case r.width == 0 || lag < r.lag-fine || lag-gap > r.lag+r.width: // it is the first, or a clock was stepped
		r.lag, r.width = lag, gap
		if lag-gap < agreed && agreed <= lag {
			// A little more than agreed, and not all standbys the same, or they would all ask for a free lease at once.
			r.lag, r.width = min(lag, agreed+fine+time.Duration(h.Uint64()%uint64(max(fine, 1)))), fine
		}
	case r.width > fine:
		r.width /= 2
		r.lag -= r.width
	default:
		r.width = fine
		r.lag -= fine / 128
	}
}
