package checkpoint

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// DefaultEvery is the default of Every.
const DefaultEvery = 10 * time.Second

// An Option changes what Open returns.
type Option func(*options)

type options struct{ every time.Duration }

// Every bounds how often noted values are written: once in this time. The default is [DefaultEvery]; with 0, the newest value is written as
// soon as the write before has succeeded. Open refuses other times below a millisecond. Writes that fail are further apart: a quarter of a second at first, and
// then twice the time before, up to eight seconds, less a random part. Flush, Save and the end of the term do not wait for that.
func Every(d time.Duration) Option { return func(o *options) { o.every = d } }

// Note keeps the value, and writes the newest one once in the time that Every says, and at the end of the term: after the work has
// returned, before its lease is released. So a crash loses the values that were noted since the last write, and the next worker does that
// part again. Note sends nothing itself, and returns at once. A write that fails is tried again, as Every says; Flush returns the error of
// the latest one.
//
// The error is a lease.ErrLost if the value will never be written: the term is over, or an earlier write has found that a later Open or
// a Reset has the checkpoint. It is a lease.ErrInvalid for a value that cannot be kept.
func (c *Checkpoint[T]) Note(value T) error {
	data, err := c.encode(value)
	if err != nil {
		return c.cell.explain("note", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if lost := cmp.Or(c.lost, c.term.Check()); lost != nil {
		return c.cell.explain("note", lost)
	}
	c.given++
	c.value, c.found, c.noted = value, true, &note[T]{c.given, value, data}
	c.register()
	c.wake()
	return nil
}

// register has the term's end write what is noted. If nothing is, the term keeps nothing: a work may open checkpoints again and again. The
// caller holds the lock.
func (c *Checkpoint[T]) register() {
	switch {
	case c.noted != nil && c.forget == nil:
		c.forget, _ = c.term.BeforeEnd(c.end)
	case c.noted == nil && c.forget != nil:
		c.forget()
		c.forget = nil
	}
}

// end writes what is noted at the end of the term, once. A write of the timer may hang, on a connection that is dead, for longer than the
// end may take: it is called off. A fleet's term goes on if the work has failed, and what is noted then is written at its next end.
func (c *Checkpoint[T]) end(ctx context.Context) {
	c.mu.Lock()
	given := c.given
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	_ = c.Flush(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget = nil
	if c.given > given {
		c.register()
	}
}

// wake starts the timer for what is noted. The caller holds the lock.
func (c *Checkpoint[T]) wake() {
	if c.timer == nil && c.noted != nil && c.term.Check() == nil {
		c.timer = time.AfterFunc(max(c.every, rest(c.fails)), c.writeNoted)
	}
}

const (
	firstRest   = time.Second / 4
	longestRest = 8 * time.Second
)

// rest returns how long to wait after writes that have failed: a store that is down may answer at once. Each time differs, so that not
// all workers ask at the same moment when it is back.
func rest(fails int) time.Duration {
	if fails == 0 {
		return 0
	}
	d := min(firstRest<<min(fails-1, 8), longestRest)
	return d - rand.N(d/4)
}

// recovers ends the rest after writes that have failed, now that one has succeeded. The caller holds the lock.
func (c *Checkpoint[T]) recovers() {
	failed := c.fails > 0
	c.fails = 0
	if failed && c.timer != nil && c.timer.Stop() {
		c.timer = nil
		c.wake()
	}
}

// writeNoted writes what is noted when the timer goes off.
func (c *Checkpoint[T]) writeNoted() {
	ctx, cancel := context.WithTimeout(context.Background(), max(c.term.Remaining(), 1))
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	_ = c.Flush(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer, c.cancel = nil, nil
	c.wake()
}

// Flush writes the value that was noted and not written yet. Its errors are those of Save. If there is nothing to write, it returns the
// error of the latest write of a noted value, nil if that succeeded or there was none.
func (c *Checkpoint[T]) Flush(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return c.cell.explain("save", err)
	}
	defer c.unlock()
	c.mu.Lock()
	noted, err := c.noted, c.err
	c.noted = nil
	c.mu.Unlock()
	if noted != nil {
		err = c.cell.explain("save", c.write(ctx, noted))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	return err
}
