package fleet

import (
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A listing is how the coordinator learns which parts there are to be.
type listing struct {
	parts  []string // sorted; empty: not known yet
	next   time.Duration
	asking bool
}

// refreshList asks for the parts when it is time to. An error or an empty list changes nothing (F10).
func (n *node) refreshList(o *office) {
	l := &o.listing
	switch {
	case n.opts.list == nil:
		l.parts = n.opts.parts
		return
	case l.asking:
		return
	case n.now() < l.next:
		n.wakeAt(l.next)
		return
	}
	l.asking, l.next = true, n.now()+n.opts.listEvery
	go func() {
		ctx, cancel := host.WithTimeout(o.ctx, n.opts.listEvery)
		defer cancel()
		parts, err := n.opts.list(ctx)
		parts = sorted(parts)
		if err == nil {
			err = checkParts(n.opts.name, parts)
		}
		n.inbox.post(func() {
			l.asking = false
			switch {
			case n.office != o:
			case err != nil:
				n.trouble("listing the parts", err)
			case len(parts) > 0:
				l.parts, o.news, o.stale = parts, true, true
			}
		})
	}()
}
