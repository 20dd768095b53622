package leader

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// lookBudget bounds what a standby spends on looking just after each renewal (lease.Info.LookAfter): 1.05 looks in an acquire
// interval, on average.
type lookBudget struct {
	spent   time.Duration // the waiting that was left out, and not yet made up for
	awaited lease.Version // the write whose end was last waited for
}

// mostSpent is how many acquire intervals of waiting may be left out at first, to fall into step.
const mostSpent = 6

// madeUp divides each wait: that part makes up for waiting that was left out. It is less than the twentieth that is allowed,
// as mostSpent comes on top.
const madeUp = 25

// wait returns after how long to ask again: when the lease may be free; when a look is best, if there is something left to
// spend; else after the usual time. A standby that asks much less often than the holder renews does not ask sooner.
func (b *lookBudget) wait(usual, every time.Duration, seen lease.Info) time.Duration {
	wait, best, free := usual, seen.LookAfter, seen.RetryAfter
	seldom := seen.RenewEvery > 0 && every > seen.RenewEvery*3/2 && every-best > every/16
	if best > 0 && best <= every && !seldom && b.spent+every-best <= mostSpent*every {
		wait = best
	}
	b.spent = max(b.spent+every-wait-wait/madeUp, 0)
	if free > 0 && seen.Version == b.awaited { // it should have ended: a manager that says so for ever is not asked all the time
		free = max(free, every/wakesPerInterval)
	}
	b.awaited = ""
	if free > 0 && free <= wait {
		wait, b.awaited = free, seen.Version
	}
	return wait
}
