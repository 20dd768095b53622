package checkpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// A cell is where one checkpoint is kept.
type cell struct {
	store lease.Store
	name  string // of the checkpoint
	place string // names the store in errors
}

// cellOf finds the checkpoint's cell in the manager's store, for what is tried with it.
func cellOf(m lease.Manager, op, name string) (cell, error) {
	store, ok := lease.StoreOf(m)
	if !ok {
		return cell{}, fmt.Errorf("checkpoint %q: %T has no store for it: %w", name, m, errors.ErrUnsupported)
	}
	c := cell{store: store, name: name, place: lease.PlaceOf(m)}
	if err := lease.CheckName(name); err != nil {
		return c, c.explain(op, err)
	}
	if err := lease.CheckName(c.key()); err != nil {
		return c, c.explain(op, err)
	}
	return c, nil
}

func (c cell) key() string { return lease.CheckpointPrefix + c.name }

// load returns the record, and its version, which is empty if there is none.
func (c cell) load(ctx context.Context) (record, lease.Version, error) {
	s, err := c.store.Load(ctx, c.key())
	if err != nil || s.Version == "" {
		return record{}, "", err
	}
	r, err := decode(s.Data)
	return r, s.Version, err
}

func (c cell) swap(ctx context.Context, old lease.Version, r record) (lease.Version, error) {
	data, err := r.encode()
	if err != nil {
		return "", err
	}
	return c.store.Swap(ctx, c.key(), old, data)
}

// replace writes the record that next makes of what was found, and returns it. After an unclear answer it reads: the writer, which
// stays the same from try to try, says which of the writes has landed. next gets an ErrRecord for what cannot be read.
func (c cell) replace(ctx context.Context, next func(found record, version lease.Version, unread error) (record, error)) (record, lease.Version, error) {
	writer := rand.Text()[:writerLength]
	var mine record
	var unclear error
	for range lease.MaxSwaps {
		found, version, err := c.load(ctx)
		switch {
		case err != nil && !errors.Is(err, lease.ErrRecord):
			return record{}, "", errors.Join(unclear, err)
		case found.Writer == writer:
			return mine, version, nil
		case unclear != nil:
			return record{}, "", unclear // it may be taken yet: then nobody uses it
		}
		if mine, err = next(found, version, err); err != nil {
			return record{}, "", err
		}
		mine.Kind, mine.Format, mine.Writer = kind, recordFormat, writer
		version, err = c.swap(ctx, version, mine)
		switch {
		case err == nil:
			return mine, version, nil
		case permanent(err):
			return record{}, "", err
		case !errors.Is(err, lease.ErrConflict):
			unclear = err
		}
	}
	return record{}, "", lease.ErrTooManyConflicts
}

func permanent(err error) bool {
	return errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrInvalid) || errors.Is(err, lease.ErrRecord)
}

// explain says what was tried, on what.
func (c cell) explain(op string, err error) error {
	return lease.Explain(c.place, op+" checkpoint", c.name, err)
}
