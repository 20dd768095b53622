package fleet

import "github.com/cloudlease/leader/internal/host"

// ends begins the end of Run, unless it has begun: from now on there is nothing to wait for but requests, observers and the logger. They
// share the time of WithEndTimeout. The leaders of the seat and of the office begin their ends with it, and bound them by themselves.
func (n *node) ends() { n.endBy = min(n.endBy, n.now()+n.opts.endTimeout) }

// isOver reports whether nothing is left of this run.
func (n *node) isOver() bool { return n.draining && n.seat == nil && !n.campaigns }

// answered waits until every request has returned.
func (n *node) answered() {
	returned := make(chan struct{})
	go func() {
		n.running.Wait()
		close(returned)
	}()
	n.await("a request to the lease manager", returned)
}

// told waits until the observers and the logger have heard everything.
func (n *node) told() {
	for _, w := range n.fleet.watchers {
		n.await("an observer", w.Emptied())
	}
	n.await("the logger", n.fleet.logbook.Emptied())
}

// await waits for a part of the end, for as long as the end may take. A nil channel means that there is nothing to wait for.
func (n *node) await(part string, done <-chan struct{}) {
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
	alarm.Set(n.endBy - n.now())
	select {
	case <-done:
	case <-alarm.C:
		n.log.Warn("Run ends and leaves this behind: it does not return", "part", part)
	}
}
