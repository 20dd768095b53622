package checkpoint

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudlease/leader/lease"
)

// Open claims the checkpoint for the term that ctx carries, as the context of a leader's work does, and reads it (K1). From then on
// no older term, and nobody who opened it before, can move it. That is one read and one write.
//
// The error is a *lease.LostError (errors.Is lease.ErrLost) if the term is over. It is a lease.ErrInvalid if ctx carries no term, or if
// the checkpoint belongs to a lease of another name, or has a greater token than the term, as after somebody has deleted the lease's
// record: [Reset] with [For] then gives it to the lease. It is a lease.ErrRecord if the cell is no checkpoint, or holds no T, and an
// [ErrNewer], too, if a newer program wrote it; and errors.ErrUnsupported if the manager has no store for it.
func Open[T any](ctx context.Context, m lease.Manager, name string, opts ...Option) (*Checkpoint[T], error) {
	home, err := cellOf(m, "open", name)
	if err != nil {
		return nil, err
	}
	term, ok := lease.TermFrom(ctx)
	if !ok {
		return nil, home.explain("open", fmt.Errorf("%w: the context carries no term: it is not that of a leader's work", lease.ErrInvalid))
	}
	o := options{every: DefaultEvery}
	for _, set := range opts {
		if set == nil {
			return nil, home.explain("open", fmt.Errorf("%w: an option is nil", lease.ErrInvalid))
		}
		set(&o)
	}
	if o.every < 0 {
		return nil, home.explain("open", fmt.Errorf("%w: Every: %v is negative", lease.ErrInvalid, o.every))
	}
	if o.every > 0 && o.every < time.Millisecond {
		return nil, home.explain("open", fmt.Errorf("%w: Every: %v is less than %v: a number without a unit is nanoseconds: write 10*time.Second, say, or 0 for as soon as possible",
			lease.ErrInvalid, o.every, time.Millisecond))
	}
	c := &Checkpoint[T]{cell: home, term: term, every: o.every, writing: make(chan struct{}, 1), writeEvery: lease.LimitsOf(m).WriteEvery}
	if err := c.claim(ctx); err != nil {
		return nil, home.explain("open", err)
	}
	return c, nil
}

// claim writes the term's token and a fresh writer into the cell, and keeps the value that this replaces.
func (c *Checkpoint[T]) claim(ctx context.Context) (err error) {
	c.last, c.version, err = c.cell.replace(ctx, func(found record, version lease.Version, unread error) (mine record, err error) {
		if unread != nil {
			return mine, unread
		}
		if err := c.mayClaim(found, version); err != nil {
			return mine, err
		}
		if c.value, c.found, err = read[T](found); err != nil {
			return mine, err
		}
		c.wrote = time.Now()
		return record{Lease: c.term.Name(), Token: c.term.Token(), Value: found.Value}, c.term.Check()
	})
	return err
}

// mayClaim reports why the term may not claim what was found.
func (c *Checkpoint[T]) mayClaim(found record, version lease.Version) error {
	switch {
	case version == "":
	case found.Lease != c.term.Name():
		return fmt.Errorf("%w: it belongs to lease %q, and this term is of %q: two workers may use one name; if not, Reset it",
			lease.ErrInvalid, found.Lease, c.term.Name())
	case found.Token > c.term.Token():
		if lost := c.term.Check(); lost != nil {
			return lost
		}
		return fmt.Errorf("%w: it was claimed with token %d, and this term, which holds, has %d: the lease's record was deleted, or lost; Reset it",
			lease.ErrInvalid, found.Token, c.term.Token())
	}
	return nil
}
