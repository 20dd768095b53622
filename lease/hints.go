package lease

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// A Watcher is a Store or a Manager that tells soon when a lease changes, so that a standby need not wait for its next look. The
// manager that NewManager returns passes its store's hints on.
//
// The method Watch returns a channel that gets a hint soon after each change of the lease by anybody, but for renewals (see IsRenewal). A hint
// decides nothing, and may be wrong or missing: the caller looks at the lease, as it would have done later. The channel has room for
// one hint, and Watch sends none while it is full, so it waits for nobody. Watch closes the channel when ctx ends, and also when it can tell
// nothing any more; then it may be called again. An error is that of a place that cannot be watched now.
//
// Watch sends no request for each change to a service that charges for it, and costs nothing before it is called.
type Watcher interface {
	Watch(ctx context.Context, name string) (<-chan struct{}, error)
}

// Watch calls the manager's Watch. The error is errors.ErrUnsupported if the manager, or the store that it keeps its leases in, is no
// Watcher: then the caller has to poll.
func Watch(ctx context.Context, m Manager, name string) (<-chan struct{}, error) {
	if w, ok := Find[Watcher](m); ok {
		return w.Watch(ctx, name)
	}
	return nil, fmt.Errorf("watch: %T: %w", m, errors.ErrUnsupported)
}

func (m *manager) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	if err := CheckName(name); err != nil {
		return nil, m.explain("watch", name, err)
	}
	w, ok := m.store.(Watcher)
	if !ok {
		return nil, m.explain("watch", name, errors.ErrUnsupported)
	}
	hints, err := w.Watch(ctx, name)
	return hints, m.explain("watch", name, err)
}

// IsRenewal reports whether the write that replaced one content of a cell by another only renewed the lease: its holder, value and
// attributes are the same. It is for a store's Watch, which gives no hint of that. Contents that cannot be read are no renewal.
func IsRenewal(before, after []byte) bool {
	b, err := decode(before)
	if err != nil {
		return false
	}
	a, err := decode(after)
	if err != nil || a.Released {
		return false
	}
	b.Renewed, b.Nonce = time.Time{}, ""
	a.Renewed, a.Nonce = time.Time{}, ""
	return reflect.DeepEqual(b, a)
}
