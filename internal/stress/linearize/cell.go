package linearize

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// A Datum is the content of a cell: the text of one write. If it is empty, there is no cell.
type Datum string

// Cells is one client of a store. It makes one call at a time, and records it. Set its fields before its first call.
type Cells struct {
	History *History[Datum]
	Store   lease.Store
	Retries bool // the SDK sends a write again by itself, so a conflict may be with the call's own write

	row *int
}

func (c *Cells) record(name, text string, sent call[Datum]) {
	record(c.History, &c.row, name, text, sent)
}

// Load calls the store.
func (c *Cells) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	sent := call[Datum]{start: c.History.now()}
	got, err := c.Store.Load(ctx, name)
	if err != nil {
		c.explain(err)
		c.record(name, "", sent)
		return got, err
	}
	datum := Datum(got.Data)
	if c.saw(name, datum, got.Version); datum == "" && got.Version != "" {
		c.History.refute("Load(%q): version %q, and no data", name, got.Version)
	}
	sent.answered = []effect[Datum]{{apply: func(is Datum) (Datum, bool) { return is, is == datum }}}
	c.record(name, fmt.Sprintf("Load = %q", datum), sent)
	return got, nil
}

// Swap calls the store. from is the result of a Load or Swap; no two writes may have the same datum.
func (c *Cells) Swap(ctx context.Context, name string, from lease.Snapshot, datum Datum) (lease.Snapshot, error) {
	old := Datum(from.Data)
	replace := func(is Datum) (Datum, bool) { return datum, is == old }
	sent := call[Datum]{start: c.History.now(), unanswered: []effect[Datum]{{apply: replace}}}
	version, err := c.Store.Swap(ctx, name, from.Version, []byte(datum))
	answer := "unknown"
	switch {
	case err == nil:
		answer = "done"
		c.saw(name, datum, version)
		sent.answered = []effect[Datum]{{apply: replace}}
	case errors.Is(err, lease.ErrConflict) && c.Retries:
		answer = "conflict, perhaps with itself"
		sent.answered = []effect[Datum]{{apply: func(is Datum) (Datum, bool) {
			if is == old {
				return datum, true
			}
			return is, true
		}}}
		c.History.count("conflicts, perhaps with itself")
	case errors.Is(err, lease.ErrConflict):
		answer = "conflict"
		sent.answered = []effect[Datum]{{apply: func(is Datum) (Datum, bool) { return is, is != old }}}
		c.History.count("conflicts")
	default:
		c.explain(err)
	}
	c.record(name, fmt.Sprintf("Swap %q -> %q = %s", old, datum, answer), sent)
	return lease.Snapshot{Data: []byte(datum), Version: version}, err
}

// saw notes that a version belongs to one datum, and a datum to one version.
func (c *Cells) saw(name string, datum Datum, version lease.Version) {
	c.History.belongs(name, fmt.Sprintf("the datum %q", datum), fmt.Sprintf("the version %q", version))
}

// explain refutes an error that no fault can cause.
func (c *Cells) explain(err error) {
	if unexplained(err) {
		c.History.refute("%v", err)
	}
}

// unexplained reports whether err says that a request or a record is invalid. No fault of a network or a machine causes that.
func unexplained(err error) bool {
	return errors.Is(err, lease.ErrInvalid) || errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrRecord)
}
