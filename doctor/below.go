package doctor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// below names a lease below [Scratch], as a fleet's seats are below the fleet's lease. Servers that keep objects as files have no room
// for it, or do not list it: in MinIO it is missing from all lists (https://github.com/minio/minio/issues/20834).
const below = "/below"

// checkBelow takes a lease below another, and looks whether a list shows it.
func (d *doctor) checkBelow(ctx context.Context) Finding {
	if d.report.results["list"] != Well {
		return Finding{Result: Skipped, Detail: "needs list"}
	}
	name := d.name + below
	l, err := patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Lease, error) {
		return d.nodes[0].Acquire(ctx, lease.Request{Name: name, Holder: holder(0), Length: d.tried})
	})
	if errors.Is(err, lease.ErrHeld) {
		return Finding{Result: Skipped, Detail: "a doctor that was killed has it: " + oneLine(err)}
	}
	d.written = time.Now()
	if err == nil {
		h := &holding{l, 0}
		d.holdings[h.ID] = h
		err = d.release(ctx, *h)
	}
	if err != nil {
		return warned("run no fleet here: its seats are leases below the fleet's own", "the lease %q cannot be kept here, beside %q: %s", name, d.name, oneLine(err))
	}
	for _, prefix := range []string{d.name, d.name + "/"} {
		names, err := d.list(ctx, prefix)
		if err != nil {
			f := refused(err)
			f.Result = Warning
			return f
		}
		if !slices.Contains(names, name) {
			return warned("run no fleet here: its seats would be missing from all lists", "a list leaves out the lease %q, since there is also %q", name, d.name)
		}
	}
	return fine("a lease below another, as a fleet's seats are, may be kept and listed")
}
