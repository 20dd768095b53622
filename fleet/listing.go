package fleet

import (
	"errors"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A listing is how the coordinator learns which parts there are to be.
type listing struct {
	parts  []string // sorted; empty: not known yet
	next   time.Duration
	asking bool
	late   bool // it was told that the call has not returned
	failed int  // calls in a row, since this node coordinates
}

// refreshList asks for the parts when it is time to. An error or an empty list changes nothing (F10).
func (n *node) refreshList(o *office) {
	l := &o.listing
	switch {
	case n.opts.list == nil:
		l.parts = n.opts.parts
		return
	case l.asking:
		n.missesList(l)
		return
	case n.now() < l.next:
		n.wakeAt(l.next)
		return
	}
	l.asking, l.late, l.next = true, false, n.now()+n.opts.listEvery
	within, leave := n.duringOffice(o)
	go func() {
		defer leave()
		ctx, cancel := host.WithTimeout(within, n.opts.listEvery)
		defer cancel()
		var parts []string
		err := errGoexit
		defer func() { n.inbox.post(func() { n.listed(o, parts, err) }) }() // also if the function ends its goroutine
		if parts, err = n.opts.list(ctx); err == nil {
			parts = sorted(parts)
			err = checkParts(n.opts.name, parts)
		}
	}()
}

// listed takes the answer.
func (n *node) listed(o *office, parts []string, err error) {
	l := &o.listing
	l.asking = false
	switch {
	case n.office != o:
	case err != nil:
		n.trouble("listing the parts", err)
		n.listSooner(l)
	case len(parts) > 0:
		l.parts, o.news, o.stale = parts, true, true
	default:
		n.listSooner(l)
	}
}

// listSooner asks again before the period is over, if no call has told any parts yet: a new fleet has none. The first time is after an interval,
// and each time takes twice as long.
func (n *node) listSooner(l *listing) {
	if len(l.parts) > 0 {
		return
	}
	again := min(n.opts.interval<<min(l.failed, 20), forever)
	if l.failed++; again > 0 {
		l.next = min(l.next, n.now()+host.Jitter(n.host, again))
	}
}

// missesList tells once that a call has not returned: its context has ended, and half a period more has passed.
func (n *node) missesList(l *listing) {
	at := l.next + n.opts.listEvery/2
	switch {
	case l.late:
	case n.now() < at:
		n.wakeAt(at)
	default:
		l.late = true
		n.trouble("listing the parts", errNoList)
	}
}

var errNoList = errors.New("the function of WithPartsFrom does not return, though its context has ended: until it does, the parts stay as they are")
