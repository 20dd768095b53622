package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Checkpoint is a position that a term has opened, and may move. Make one with [Open]. It is safe for concurrent use.
type Checkpoint[T any] struct {
	cell       cell
	term       lease.Term
	every      time.Duration
	writeEvery time.Duration

	writing chan struct{} // full while a call writes; it guards what follows
	last    record        // the latest that was sent, or found
	version lease.Version
	wrote   time.Time // when the latest write was sent

	mu     sync.Mutex
	value  T
	found  bool
	given  uint64   // the number of the newest value that was given to Save or Note
	noted  *note[T] // what is to be written later; nil: nothing
	timer  *time.Timer
	forget func() // takes back that the term's end writes what is noted; nil: it does not
	cancel func() // ends the timer's write; nil: there is none
	fails  int    // how many of the latest writes have failed in a row
	err    error  // of the latest write of what was noted
	lost   error  // a write has found that others have the checkpoint, or that the term is over
}

// A note is a value to be written, and its number.
type note[T any] struct {
	number uint64
	value  T
	data   []byte
}

// Value returns the value that Open has found, or the latest that was saved or noted since.
func (c *Checkpoint[T]) Value() T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// Found reports whether Open has found a value. If not, Value is T's zero value until something is saved.
func (c *Checkpoint[T]) Found() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// Save stores the value, if the term still holds and nobody has claimed the checkpoint since (K2). That is one write. Where the
// store limits how often a cell is written, Save waits for that.
//
// The error is a lease.ErrLost if the term is over, or if a later term, a later Open or a Reset has the checkpoint. The value may have
// been stored before that. It is a lease.ErrInvalid for a value that cannot be kept: nothing was written. After any other error the value
// may be stored, or may be stored later; Save may be called again. If ctx ends first, that is its cause: the work's context ends with a
// lease.ErrLost a stop margin before the term is over, and the end of the term still writes the value.
func (c *Checkpoint[T]) Save(ctx context.Context, value T) error {
	data, err := c.encode(value)
	if err != nil {
		return c.cell.explain("save", err)
	}
	given := c.newest()
	if err := c.lock(ctx); err != nil {
		c.keep(value, data, given)
		return c.cell.explain("save", err)
	}
	defer c.unlock()
	return c.cell.explain("save", c.write(ctx, c.give(value, data)))
}

// newest returns the number of the newest value.
func (c *Checkpoint[T]) newest() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given
}

// keep notes a value that did not get its turn to be written, unless others were given meanwhile, so that the end of the term writes it.
func (c *Checkpoint[T]) keep(value T, data []byte, given uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil && c.given == given {
		c.given++
		c.noted = &note[T]{c.given, value, data}
		c.register()
	}
}

// lock waits for its turn to write. It is no mutex, so that a test in virtual time goes on, and ctx ends it.
func (c *Checkpoint[T]) lock(ctx context.Context) error {
	select {
	case c.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Checkpoint[T]) unlock() { <-c.writing }

// give numbers a value. What was noted before it is not to be written any more.
func (c *Checkpoint[T]) give(value T, data []byte) *note[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given++
	c.noted = nil
	return &note[T]{c.given, value, data}
}

// encode returns the value as JSON, or says why no term of the lease can keep it.
func (c *Checkpoint[T]) encode(value T) ([]byte, error) {
	data, err := plain(value)
	if err != nil {
		return nil, err
	}
	return data, fits(data, c.term.Name())
}

// write stores a value. Each write counts higher, also one after an error: so whichever of them stands,
// the record tells. A value whose write has failed is noted, if nothing newer is.
func (c *Checkpoint[T]) write(ctx context.Context, n *note[T]) error {
	err := c.pause(ctx)
	if err == nil {
		c.last.Count++
		c.last.Value = n.data
		err = c.store(ctx, c.last)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.err = nil // nothing that was noted before is missing
		c.recovers()
	} else {
		c.fails++
	}
	switch {
	case c.lost != nil, n.number < c.given:
	case err == nil:
		c.value, c.found = n.value, true
	default:
		c.noted = n
	}
	c.register()
	return err
}

// store makes the write stand, or says why it may not.
func (c *Checkpoint[T]) store(ctx context.Context, next record) error {
	var failed error
	for range lease.MaxSwaps {
		if lost := c.term.Check(); lost != nil {
			return c.loses(lost)
		}
		c.wrote = time.Now()
		version, err := c.cell.swap(ctx, c.version, next)
		if err == nil {
			c.version = version
			return nil
		}
		if failed = err; permanent(err) {
			return err
		}
		found, version, err := c.cell.load(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%w; and it could not be read whether it is stored: %w", failed, err)
		case found.Writer != next.Writer:
			return c.loses(c.taken(found))
		}
		c.version = version
		if found.Count == next.Count {
			return nil
		}
		if !errors.Is(failed, lease.ErrConflict) {
			return failed // it may be taken yet; the next write is made on the condition that it was not
		}
	}
	return failed
}

// loses notes that the term writes no more. The end of a context proves no such thing, though its cause may be a lease.ErrLost: with a
// stop margin, a work is stopped before its term is over.
func (c *Checkpoint[T]) loses(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = cmp.Or(c.lost, why)
	return why
}

// taken says who has the checkpoint.
func (c *Checkpoint[T]) taken(found record) error {
	lost := &lease.LostError{Name: c.term.Name(), Token: c.term.Token(), Reason: lease.LostTaken}
	switch {
	case found.Writer == "":
		lost.Reason, lost.Err = lease.LostGone, fmt.Errorf("there is no checkpoint %q any more", c.cell.name)
	case found.Token == c.term.Token():
		lost.Err = fmt.Errorf("checkpoint %q was opened again, or reset", c.cell.name)
	default:
		lost.Err = fmt.Errorf("checkpoint %q was claimed with token %d", c.cell.name, found.Token)
	}
	return lost
}

// pause waits until the store may be written to again.
func (c *Checkpoint[T]) pause(ctx context.Context) error {
	wait := c.writeEvery - time.Since(c.wrote)
	if c.writeEvery == 0 || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.term.Done():
		return c.loses(c.term.Check())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
