package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// hintsPerInterval bounds the looks at one seat that hints cause. (Nodes learn of plans by the leader that campaigns for the office, which
// has such a bound, too.)
const hintsPerInterval = 10

// watchSeats has the coordinator look at a seat as soon as the store tells that it has changed, if the store can tell. The rounds of looks
// go on as ever: a hint decides nothing.
func (n *node) watchSeats(o *office) {
	for o.watched < o.base.Width {
		o.watched++
		k := o.watched
		n.running.Go(func() {
			err := n.watchSeat(o, k)
			if err != nil && o.ctx.Err() == nil && k == 1 { // of the others it is the same
				n.inbox.post(func() { n.trouble("watching the seats", err) })
			}
		})
	}
}

func (n *node) watchSeat(o *office, k int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	hints, err := lease.Watch(o.ctx, n.opts.manager, SeatLease(n.opts.name, k))
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	alarm := host.NewAlarm(n.host)
	defer alarm.Stop()
	for err == nil {
		select {
		case _, ok := <-hints:
			if !ok {
				return errors.New("the watch has ended by itself")
			}
		case <-o.ctx.Done():
			return context.Cause(o.ctx)
		}
		n.inbox.post(func() {
			if n.office == o {
				n.lookByHint(o, k)
			}
		})
		alarm.Set(n.opts.interval / hintsPerInterval)
		select {
		case <-alarm.C:
		case <-o.ctx.Done():
		}
	}
	return err
}

// lookByHint looks at a seat of which a hint has told. There may be several ways to get hints: together they cause a look in a tenth of an
// interval at most.
func (n *node) lookByHint(o *office, k int) {
	v := o.view(k)
	if v.hinted <= n.now() {
		v.hinted = max(n.now(), v.hinted+n.opts.interval/hintsPerInterval)
	}
	if v.hinted > n.now() || !n.look(o, k, 0) {
		v.lookAt(v.hinted) // once more, if one is in flight: it may be too old
	}
}
