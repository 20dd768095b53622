package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// Info describes a checkpoint as one look at it showed.
type Info[T any] struct {
	Name  string
	Lease string // the name of the lease whose terms claim it; empty: there is no checkpoint
	Token uint64 // of the term that claimed it last
	Count uint64 // the writes since that claim
	Value T
	Found bool  // a value was saved
	Err   error // from List: why it could not be read; only Name is set then
}

// Inspect reads a checkpoint without touching it. One that does not exist is an Info without a Lease, and no error. The error is a
// lease.ErrRecord if the cell is no checkpoint, or holds no T, and an [ErrNewer], too, if a newer program wrote it; and errors.ErrUnsupported
// if the manager has no store for it.
func Inspect[T any](ctx context.Context, m lease.Manager, name string) (Info[T], error) {
	info := Info[T]{Name: name}
	c, err := cellOf(m, "inspect", name)
	if err != nil {
		return info, err
	}
	r, _, err := c.load(ctx)
	if err == nil {
		info, err = infoOf[T](name, r)
	}
	return info, c.explain("inspect", err)
}

func infoOf[T any](name string, r record) (info Info[T], err error) {
	info = Info[T]{Name: name, Lease: r.Lease, Token: r.Token, Count: r.Count}
	info.Value, info.Found, err = read[T](r)
	return info, err
}

// A ResetOption changes what Reset writes.
type ResetOption func(*record)

// For says which lease's terms may claim the checkpoint from now on: those with this token or a greater one. With token 0, every term of
// that lease may.
func For(lease string, token uint64) ResetOption {
	return func(r *record) { r.Lease, r.Token = lease, token }
}

// Reset writes a value by hand: to begin again from an earlier position, or to skip an event that cannot be processed. A worker that has
// the checkpoint open gets a lease.ErrLost from its next Save or, once a write was refused, from Note. The same lease's terms may claim the
// checkpoint as before, unless For names others. For is required where there is no checkpoint yet, or one that cannot be read, which Reset
// replaces: without it, the error is a lease.ErrInvalid, as it is for a value that cannot be kept, and for a nil option. Reset never replaces
// what a newer program wrote: the error is an [ErrNewer] then. After an error of the store the value may be stored or not: it is safe to try
// again.
func Reset[T any](ctx context.Context, m lease.Manager, name string, value T, opts ...ResetOption) error {
	c, err := cellOf(m, "reset", name)
	if err != nil {
		return err
	}
	data, err := plain(value)
	if err == nil {
		err = c.reset(ctx, data, opts)
	}
	return c.explain("reset", err)
}

func (c cell) reset(ctx context.Context, data []byte, opts []ResetOption) error {
	var named record
	for _, set := range opts {
		if set == nil {
			return fmt.Errorf("%w: an option is nil", lease.ErrInvalid)
		}
		set(&named)
	}
	if len(opts) > 0 { // each is a For
		if err := lease.CheckName(named.Lease); err != nil {
			return fmt.Errorf("For: %w", err)
		}
	}
	_, _, err := c.replace(ctx, func(found record, _ lease.Version, unread error) (record, error) {
		mine := record{Lease: found.Lease, Token: found.Token, Value: data}
		if len(opts) > 0 {
			mine.Lease, mine.Token = named.Lease, named.Token
		}
		switch {
		case errors.Is(unread, ErrNewer):
			return mine, unread
		case lease.CheckName(mine.Lease) != nil:
			return mine, errors.Join(fmt.Errorf("%w: it is not known whose it is: say so with For", lease.ErrInvalid), unread)
		}
		return mine, fits(data, mine.Lease)
	})
	return err
}
