package linearize

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader/lease"
)

// answers is a store that gives one answer.
type answers struct {
	lease.Store
	snapshot lease.Snapshot
	err      error
}

func (a *answers) Load(context.Context, string) (lease.Snapshot, error) { return a.snapshot, a.err }

func (a *answers) Swap(context.Context, string, lease.Version, []byte) (lease.Version, error) {
	return a.snapshot.Version, a.err
}

func TestCellModel(t *testing.T) {
	t.Parallel()
	snapshot := func(datum string) (s lease.Snapshot) {
		if datum != "" {
			s = lease.Snapshot{Data: []byte(datum), Version: lease.Version(datum + "'s")}
		}
		return s
	}
	load := func(datum string) func(*testing.T, *Cells, *answers) {
		return func(t *testing.T, c *Cells, a *answers) {
			a.snapshot, a.err = snapshot(datum), nil
			_, _ = c.Load(t.Context(), "x")
		}
	}
	swap := func(from, to string, err error) func(*testing.T, *Cells, *answers) {
		return func(t *testing.T, c *Cells, a *answers) {
			a.snapshot, a.err = snapshot(to), err
			_, _ = c.Swap(t.Context(), "x", snapshot(from), Datum(to))
		}
	}
	failedLoad := func(t *testing.T, c *Cells, a *answers) {
		a.snapshot, a.err = lease.Snapshot{}, errUnclear
		_, _ = c.Load(t.Context(), "x")
	}
	otherVersion := func(t *testing.T, c *Cells, a *answers) {
		a.snapshot, a.err = lease.Snapshot{Data: []byte("a"), Version: "b's"}, nil
		_, _ = c.Load(t.Context(), "x")
	}
	for name, test := range map[string]struct {
		steps   []func(*testing.T, *Cells, *answers)
		retries bool
		wrong   bool
	}{
		"sound":                       {steps: []func(*testing.T, *Cells, *answers){load(""), swap("", "a", nil), load("a"), swap("a", "b", nil), load("b")}},
		"an old datum":                {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("a", "b", nil), load("a")}, wrong: true},
		"it is gone":                  {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), load("")}, wrong: true},
		"nobody wrote it":             {steps: []func(*testing.T, *Cells, *answers){load("a")}, wrong: true},
		"a failed read":               {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), failedLoad, load("a")}},
		"from what is past":           {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("", "b", nil)}, wrong: true},
		"another version":             {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), otherVersion}, wrong: true},
		"misconfigured":               {steps: []func(*testing.T, *Cells, *answers){swap("", "a", lease.ErrMisconfigured)}, wrong: true},
		"a conflict":                  {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("", "b", lease.ErrConflict), load("a")}},
		"a needless one":              {steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("a", "b", lease.ErrConflict)}, wrong: true},
		"one that was done":           {steps: []func(*testing.T, *Cells, *answers){swap("", "a", lease.ErrConflict), load("a")}, wrong: true},
		"unclear, and done":           {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), load("a"), swap("a", "b", nil)}},
		"unclear, and not":            {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), load(""), swap("", "b", nil), load("b")}},
		"unclear, and late":           {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), load(""), load("a")}},
		"unclear, then gone":          {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), load("a"), load("")}, wrong: true},
		"unclear, too late":           {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), swap("", "b", nil), load("a")}, wrong: true},
		"unclear, seen by a conflict": {steps: []func(*testing.T, *Cells, *answers){swap("", "a", errUnclear), swap("", "b", lease.ErrConflict)}},
		"retried: a conflict with itself": {retries: true,
			steps: []func(*testing.T, *Cells, *answers){swap("", "a", lease.ErrConflict), load("a")}},
		"retried: a conflict with somebody": {retries: true,
			steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("", "b", lease.ErrConflict), load("a")}},
		"retried: a conflict that replaces something else": {retries: true, wrong: true,
			steps: []func(*testing.T, *Cells, *answers){swap("", "a", nil), swap("", "b", lease.ErrConflict), load("b")}},
		"retried: a conflict with nobody": {retries: true, wrong: true,
			steps: []func(*testing.T, *Cells, *answers){swap("", "a", lease.ErrConflict), load("")}},
		"retried: no conflict can land late": {retries: true, wrong: true,
			steps: []func(*testing.T, *Cells, *answers){swap("", "a", lease.ErrConflict), load(""), load("a")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &answers{}
				c := &Cells{History: NewHistory[Datum](), Store: a, Retries: test.retries}
				for _, step := range test.steps {
					time.Sleep(time.Nanosecond) // else successive calls would be concurrent
					step(t, c, a)
				}
				verdict(t, c.History.Check(0, t.TempDir()), test.wrong)
			})
		})
	}
}
