package lease

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// rhythm predicts when the holder renews, so that a standby looks just after each renewal. Then it sees the last renewal
// before a crash at once, and not up to a poll later; the watch for the lease's length begins there (R1). A prediction is
// a hint and may be wrong; it does not decide who gets the lease.
//
// A record says how often its holder renews, and when it renewed last, by the holder's clock. If it does not say how
// often, two renewals show it. The lag is how much later, by this machine's monotonic clock, a renewal can be seen. It is
// always about the same: the difference of the two clocks, and the time of a request. If the wall clocks agree, as they
// mostly do in a fleet, the first look shows the lag; else looks narrow it down by halves. From then on each look comes a
// little earlier than the one before, until one comes too early: the next is later again.
//
// Standbys do not all look at the same lag. Else all of a large fleet would find a lease free at once, and all but one
// would write in vain. Each standby draws its lag within an eighth of an interval: a twenty-fourth of a lease by default.
type rhythm struct {
	id      string
	renewed time.Duration // when the latest renewal was sent, by the holder's clock
	passed  time.Duration // between the renewal before and that one, by the holder's clock
	period  time.Duration // between two renewals; 0: unknown
	lag     time.Duration // the next look comes so long after the renewal
	width   time.Duration // the true lag may be shorter by this; 0: the lag is unknown
	looked  time.Duration // when the latest look was
	agrees  bool          // the lag follows from wall clocks that agree
	early   bool          // the latest look came too early, and a second one soon after it is under way
	late    bool          // a look came too early for no known reason: the renewal was late, or the clocks disagree
}

// fineness and spread divide the period: the lag is narrowed down to a thirty-second of it, and the lags of standbys differ
// by up to seven sixty-fourths. With half of the fineness, for differences of clocks and requests, that is an eighth.
const (
	fineness  = 32
	spreadPer = 64
	spread    = 7
)

// look notes the record that a look showed, at a time of the monotonic clock. It returns after how long the next look is
// best; 0 if that is unknown.
func (r *rhythm) look(h host.Host, now time.Duration, seen record) time.Duration {
	renewed, gap, every := time.Duration(seen.Renewed.UnixNano()), now-r.looked, time.Duration(seen.RenewEvery)
	if seen.ID != r.id {
		*r = rhythm{id: seen.ID, renewed: renewed, period: every, looked: now}
		if every <= 0 || seen.Renewed.IsZero() {
			return 0
		}
		r.hit(h, now, every+every/8) // the latest renewal is no older than an interval, and the time of a request
		gap = 0
	}
	r.looked = now
	if renewed != r.renewed {
		r.heard(renewed, every, gap)
		r.hit(h, now, gap)
	}
	// A period longer than the lease means that a clock was stepped. A standby that looks seldom gains nothing from a hint.
	if r.width == 0 || r.period <= 0 || r.period > time.Duration(seen.Length) || gap > r.period*3/2 {
		return 0
	}
	due := r.renewed + r.period
	if now < due+r.lag {
		return due + r.lag - now
	}
	return r.missed(h, now, due)
}

// missed returns after how long to look again if a look did not show the renewal that was due. If the look may have come a
// little too early, that is soon. Else the renewal is late, or there is none, and the next one due is soon enough.
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

// heard notes a renewal. A standby that looks less often than the holder renews looks just after every second or third
// renewal.
func (r *rhythm) heard(renewed, every, gap time.Duration) {
	last := r.passed
	r.passed, r.renewed, r.early = renewed-r.renewed, renewed, false
	switch {
	case every > 0:
		r.period = every * max((gap+every/2)/every, 1)
	case last > 0:
		r.period = min(last, r.passed) // the longer one has a renewal in it that was late or not seen
	default:
		r.period = r.passed
	}
}

// hit notes that a look has shown the renewal now, and that the look before, a gap ago, had not.
func (r *rhythm) hit(h host.Host, now, gap time.Duration) {
	fine, lag, agreed := r.period/fineness, now-r.renewed, now-wall(h)
	r.late = r.late && lag > r.lag+r.period/2
	switch {
	case r.width == 0 || lag < r.lag-fine || lag-gap > r.lag+r.width: // the first, or a clock was stepped
		r.lag, r.width, r.agrees = lag, gap, lag-gap < agreed && agreed-fine <= lag
		if r.agrees {
			r.width = fine
			if lag > agreed+r.period/8 { // else this standby has drawn its lag already
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

// draw returns a random part of the lag, by which standbys differ.
func (r *rhythm) draw(h host.Host) time.Duration {
	return time.Duration(h.Uint64() % uint64(max(r.period/spreadPer*spread, 1)))
}
