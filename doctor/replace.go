package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// checkReplace writes to a cell of the manager's store on conditions that do not hold. Races show as much only if the requests meet,
// and no race for an Azure lease shows whether a cell beside it, as a checkpoint is, would be written over.
//
// The cell has the name of the lease that is tried. For most managers it is that lease's own record, which is free now, and gets the
// data that it has. For Azure it is one more.
func (d *doctor) checkReplace(ctx context.Context) Finding {
	store, ok := lease.StoreOf(d.nodes[0])
	if !ok {
		return Finding{Result: Skipped, Detail: "the manager shows no store"}
	}
	found, err := patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Snapshot, error) { return store.Load(ctx, d.name) })
	data, older := found.Data, found.Version
	if older == "" {
		data = []byte("leader doctor tries here whether the conditions of writes are kept\n")
	}
	swap := func(old lease.Version) (new lease.Version, err error) {
		d.pace(ctx)
		defer func() { d.written = time.Now() }()
		return patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Version, error) { return store.Swap(ctx, d.name, old, data) })
	}
	if err == nil {
		older, err = swap(older)
	}
	if err == nil {
		_, err = swap(older)
	}
	if err != nil {
		return refused(err)
	}
	for _, attempt := range []struct {
		what string
		old  lease.Version
	}{
		{"the creation of a record that is there", ""},
		{"a write over an old version", older},
	} {
		switch _, err := swap(attempt.old); {
		case err == nil:
			return wrong(unfit, "%s was granted", attempt.what)
		case !errors.Is(err, lease.ErrConflict):
			return refused(err)
		}
	}
	return fine("a creation of what is there, and a write over an old version, are refused")
}
