package linearize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// A Position is the state of a checkpoint.
type Position struct {
	Writer string // the Open or the Reset that wrote it last; empty: there is no checkpoint yet
	Token  uint64 // of the term that opened it last
	Count  uint64 // of the saves since that Open
	Value  string // the last one that was saved; empty: none
}

// Checkpoints is one client of the checkpoints in a manager's store. It makes one call at a time, and records it. Set its fields
// before its first call.
type Checkpoints struct {
	History *History[Position]
	Manager lease.Manager

	row   *int
	terms []*lease.Keeper
}

// Close ends the terms of the client, when it has made its last call.
func (c *Checkpoints) Close() {
	for _, k := range c.terms {
		k.End(nil)
	}
}

// An Opened is a checkpoint that a client has opened.
type Opened struct {
	*checkpoint.Checkpoint[string]
	name, writer string
	count        uint64 // of calls of Save
}

func (c *Checkpoints) record(name, text string, sent call[Position]) {
	record(c.History, &c.row, name, text, sent)
}

// term returns the context of a work of the term with this token, which ends when ctx does. The term itself goes on until Close, as
// that of an old leader seems to whose clocks stand still.
func (c *Checkpoints) term(ctx context.Context, token uint64) (context.Context, context.CancelFunc) {
	held := lease.Lease{Name: "orders", Holder: "a worker", ID: "an ID", Token: token, Length: 24 * time.Hour}
	work, keeper := lease.StartTerm(context.Background(), held, lease.Now(ctx))
	c.terms = append(c.terms, keeper)
	deadline, ends := ctx.Deadline()
	if !ends {
		return context.WithCancel(work)
	}
	return context.WithDeadline(work, deadline)
}

// Open opens a checkpoint in a term with this token. No other Open or Reset may have the same writer's label.
func (c *Checkpoints) Open(ctx context.Context, name, writer string, token uint64) (*Opened, error) {
	ctx, cancel := c.term(ctx, token)
	defer cancel()
	claim := func(p Position) (Position, bool) {
		return Position{Writer: writer, Token: token, Value: p.Value}, p.Token <= token
	}
	sent := call[Position]{start: c.History.now(), unanswered: []effect[Position]{{apply: claim}}}
	got, err := checkpoint.Open[string](ctx, c.Manager, name, checkpoint.Every(24*time.Hour)) // nothing is written behind a call's back
	answer := "unknown"
	switch {
	case err == nil:
		value := got.Value()
		answer = fmt.Sprintf("%q", value)
		sent.answered = []effect[Position]{{apply: func(p Position) (Position, bool) {
			next, ok := claim(p)
			return next, ok && p.Value == value // K1: it is the one that the claim replaces
		}}}
		c.History.count("opened")
	case errors.Is(err, lease.ErrInvalid):
		answer = "refused, as there is a greater token"
		sent.answered = []effect[Position]{{apply: func(p Position) (Position, bool) { return p, p.Token > token }}}
		c.History.count("refused")
	default:
		c.explain(err)
	}
	c.record(name, fmt.Sprintf("Open by %s, token %d = %s", writer, token, answer), sent)
	return &Opened{Checkpoint: got, name: name, writer: writer}, err
}

// Save saves a value. No two calls of a history may have the same.
func (c *Checkpoints) Save(ctx context.Context, o *Opened, value string) error {
	o.count++
	count := o.count
	save := func(p Position) (Position, bool) {
		ok := p.Writer == o.writer && p.Count < count // K2
		if ok {
			p.Count, p.Value = count, value
		}
		return p, ok
	}
	sent := call[Position]{start: c.History.now(), unanswered: []effect[Position]{{apply: save}}}
	err := o.Checkpoint.Save(ctx, value)
	answer := "unknown"
	switch {
	case err == nil:
		answer = "done"
		sent.answered = []effect[Position]{{apply: save}}
		c.History.count("saved")
	case errors.Is(err, lease.ErrLost):
		answer = "lost"
		sent.answered = []effect[Position]{
			{"perhaps before that: ", func(p Position) (Position, bool) { next, _ := save(p); return next, true }},
			{"", func(p Position) (Position, bool) { return p, p.Writer != o.writer }},
		}
		c.History.count("told lost")
	default:
		c.explain(err)
	}
	c.record(o.name, fmt.Sprintf("Save by %s of %q = %s", o.writer, value, answer), sent)
	return err
}

// Reset writes a value by hand. No other Open or Reset may have the same writer's label.
func (c *Checkpoints) Reset(ctx context.Context, name, writer, value string) error {
	reset := func(p Position) (Position, bool) {
		return Position{Writer: writer, Token: p.Token, Value: value}, p.Writer != ""
	}
	sent := call[Position]{start: c.History.now(), unanswered: []effect[Position]{{apply: reset}}}
	err := checkpoint.Reset(ctx, c.Manager, name, value)
	answer := "unknown"
	switch {
	case err == nil:
		answer = "done"
		sent.answered = []effect[Position]{{apply: reset}}
		c.History.count("reset")
	case errors.Is(err, lease.ErrInvalid):
		answer = "there is none"
		sent.answered = []effect[Position]{{apply: func(p Position) (Position, bool) { return p, p.Writer == "" }}}
	default:
		c.explain(err)
	}
	c.record(name, fmt.Sprintf("Reset by %s to %q = %s", writer, value, answer), sent)
	return err
}

// Inspect reads a checkpoint.
func (c *Checkpoints) Inspect(ctx context.Context, name string) error {
	sent := call[Position]{start: c.History.now()}
	got, err := checkpoint.Inspect[string](ctx, c.Manager, name)
	if err != nil {
		c.explain(err)
		c.record(name, "", sent)
		return err
	}
	sent.answered = []effect[Position]{{apply: func(p Position) (Position, bool) {
		return p, p.Value == got.Value && p.Token == got.Token && (p.Writer != "") == (got.Lease != "")
	}}}
	c.record(name, fmt.Sprintf("Inspect = %q, token %d", got.Value, got.Token), sent)
	return nil
}

func (c *Checkpoints) explain(err error) {
	if unexplained(err) {
		c.History.refute("%v", err)
	}
}
