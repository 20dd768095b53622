package lease

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// rhythm is what a standby has found out about when the holder renews. It leads to a look just after each renewal, so that
// the last one before a crash is seen at once, and not up to a poll later: from then on the lease's length is watched
// (R1). All of it is a hint, which may be wrong; who has the lease is not decided by it.
//
// A record says how often its holder renews, and when it did so last, by the holder's clock; if it does not say how often,
// two renewals show it. How much later by this machine's monotonic clock a renewal can be seen, the lag, is always about
// the same: the difference of the two clocks, and the time that a request takes. If wall clocks agree, as those of a fleet
// mostly do, it is known from the first look; else it is narrowed down by halves. From then on each look comes a little
// earlier than the one before, until one is too early: then it is later again.
//
// Not all standbys look at the same lag: else all of a large fleet would find a lease free at once, and all but one write
// in vain. Each draws its own, within an eighth of an interval, which is a twenty-fourth of a lease by default.
type rhythm struct {
	id      string
	renewed time.Duration // when the latest renewal was sent, by the holder's clock
	passed  time.Duration // from the one before to it, by the holder's clock
	period  time.Duration // between two renewals; 0: not known
	lag     time.Duration // after which the next look is to be
	width   time.Duration // how much shorter it may be; 0: nothing is known of it
	looked  time.Duration // when the latest look was
	agrees  bool          // the lag follows from wall clocks that agree
	early   bool          // it came too early, and one soon after it was to make up for that
	late    bool          // it came too early, although clocks and requests do not explain that: the renewal was late, or the clocks disagree
}

// fineness and spread are parts of the period: how exactly the lag is to be known, and what the lags of standbys differ by.
// With half of the fineness, which is for what clocks and requests differ by, that is an eighth.
const (
	fineness  = 32
	spreadPer = 64
	spread    = 7
)

// look notes what a look showed, at a time of the monotonic clock, and returns in how long the next is best; 0 if nothing is
// known.
func (r *rhythm) look(h host.Host, now time.Duration, seen record) time.Duration {
	renewed, gap, every := time.Duration(seen.Renewed.UnixNano()), now-r.looked, time.Duration(seen.RenewEvery)
	if seen.ID != r.id {
		*r = rhythm{id: seen.ID, renewed: renewed, period: every, looked: now}
		if every <= 0 || seen.Renewed.IsZero() {
			return 0
		}
		r.hit(h, now, every+every/8) // it is the latest renewal: no older than that, with its way here
		gap = 0
	}
	r.looked = now
	if renewed != r.renewed {
		r.heard(renewed, every, gap)
		r.hit(h, now, gap)
	}
	// Nor is what is longer than the lease: a clock was stepped. And who looks seldom gains nothing by looking in time.
	if r.width == 0 || r.period <= 0 || r.period > time.Duration(seen.Length) || gap > r.period*3/2 {
		return 0
	}
	due := r.renewed + r.period
	if now < due+r.lag {
		return due + r.lag - now
	}
	return r.missed(h, now, due)
}

// missed is when the next look is best after one that did not show the renewal that was due. If it may have come a little
// too early, that is soon. If not, the renewal is late, or there is none, and the next one that is due is soon enough.
func (r *rhythm) missed(h host.Host, now, due time.Duration) time.Duration {
	fine := r.period / fineness
	switch {
	case r.early || now >= due+r.lag+r.width:
	case r.agrees && !r.late && r.lag >= now-wall(h)+fine:
		r.late = true
	default:
		r.early = true
		r.lag += max(r.width, fine/2+r.draw(h))
		return max(due+r.lag-now, 1)
	}
	return due + r.lag - now + r.period*((now-due-r.lag)/r.period+1)
}

func wall(h host.Host) time.Duration { return time.Duration(h.Now().UnixNano()) }

// heard notes when the holder has renewed. Who looks less often than that looks just after every second renewal, or third.
func (r *rhythm) heard(renewed, every, gap time.Duration) {
	last := r.passed
	r.passed, r.renewed, r.early = renewed-r.renewed, renewed, false
	switch {
	case every > 0:
		r.period = every * max((gap+every/2)/every, 1)
	case last > 0:
		r.period = min(last, r.passed) // one that was late, or missed, is no rhythm
	default:
		r.period = r.passed
	}
}

// hit notes that the renewal was seen: now, and not the gap ago.
func (r *rhythm) hit(h host.Host, now, gap time.Duration) {
	fine, lag, agreed := r.period/fineness, now-r.renewed, now-wall(h)
	r.late = r.late && lag > r.lag+r.period/2
	switch {
	case r.width == 0 || lag < r.lag-fine || lag-gap > r.lag+r.width: // it is the first, or a clock was stepped
		r.lag, r.width, r.agrees = lag, gap, lag-gap < agreed && agreed-fine <= lag
		if r.agrees {
			r.width = fine
			if lag > agreed+r.period/8 { // else it looks at a lag of its own already
				r.lag = agreed + fine/2 + r.draw(h)
			}
		}
	case r.width > fine:
		r.width /= 2
		r.lag -= r.width
	default:
		r.width = fine
		r.lag -= fine / 128
	}
}

// draw is this standby's own part of the lag.
func (r *rhythm) draw(h host.Host) time.Duration {
	return time.Duration(h.Uint64() % uint64(max(r.period/spreadPer*spread, 1)))
}
