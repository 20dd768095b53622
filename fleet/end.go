package fleet

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// ends begins the end of Run, unless it has begun: from now on there is nothing to wait for but requests, observers and the logger. They
// share the time of WithEndTimeout. The leaders of the seat and of the office begin their ends with it, and bound them by themselves.
func (n *node) ends() { n.endBy = min(n.endBy, n.now()+n.opts.endTimeout) }

// isOver reports whether nothing is left of this run.
func (n *node) isOver() bool { return n.draining && n.seat == nil && !n.campaigns }

// answered waits until every request has returned. An eighth of the time is left for those who are to hear of it if one does not.
func (n *node) answered() {
	returned := make(chan struct{})
	go func() {
		n.running.Wait()
		close(returned)
	}()
	n.await("a request to the lease manager", returned, n.endBy-n.opts.endTimeout/8)
}

// told waits until the observers and the logger have heard everything. A sixteenth of the time is left for the logger to hear of a stuck
// observer.
func (n *node) told() {
	for _, w := range n.fleet.watchers {
		n.await("an observer", w.Emptied(), n.endBy-n.opts.endTimeout/16)
	}
	n.await("the logger", n.fleet.logbook.Emptied(), n.endBy)
}

// await waits for a part of the end until the time. A nil channel means that there is nothing to wait for.
func (n *node) await(part string, done <-chan struct{}, by time.Duration) {
	if done == nil {
		return
	}
	select {
	case <-done:
		return
	default:
	}
	alarm := host.NewAlarm(n.host)
	defer alarm.Stop()
	alarm.Set(by - n.now())
	select {
	case <-done:
	case <-alarm.C:
		n.log.Warn("Run ends and leaves this behind: it does not return", "part", part)
	}
}
