package linearize

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// The tables below are of histories made up call by call, in virtual time: some that the models allow, and some that they do
// not.

var errUnclear = errors.New("no answer")

// A script is one history of the lease "x", and what the manager of its clients answers next.
type script struct {
	lease.Manager
	t       *testing.T
	h       *History[Term]
	native  bool
	got     lease.Lease
	info    lease.Info
	err     error
	clients map[int]*Leases
	now     int // the client that calls; from 1
}

const scriptLength = time.Second

func (s *script) Acquire(context.Context, lease.Request) (lease.Lease, error) { return s.got, s.err }
func (s *script) Renew(context.Context, lease.Lease) (lease.Lease, error)     { return s.got, s.err }
func (s *script) Release(context.Context, lease.Lease) error                  { return s.err }
func (s *script) Inspect(context.Context, string) (lease.Info, error)         { return s.info, s.err }

func (s *script) client() *Leases {
	if s.clients[s.now] == nil {
		s.clients[s.now] = &Leases{History: s.h, Manager: s, Number: s.now, Length: scriptLength, Native: s.native}
	}
	return s.clients[s.now]
}

// Steps of a script. An acquisition's ID is its holder's label and "'s".
type steps []func(*script)

func of(holder string, token uint64) lease.Lease {
	return lease.Lease{Name: "x", Holder: holder, ID: holder + "'s", Token: token, Length: scriptLength}
}

func info(state lease.State, holder string, token uint64) lease.Info {
	if token == 0 {
		return lease.Info{Name: "x", State: state}
	}
	return lease.Info{Name: "x", State: state, Holder: holder, ID: holder + "'s", Token: token}
}

func by(client int) func(*script)                        { return func(s *script) { s.now = client } }
func after(d time.Duration) func(*script)                { return func(*script) { time.Sleep(d) } }
func held(i lease.Info) error                            { return &lease.HeldError{Info: i} }
func acquires(holder string, token uint64) func(*script) { return acquire(holder, token, nil) }
func refused(holder string, i lease.Info) func(*script)  { return acquire(holder, 0, held(i)) }
func fails(holder string) func(*script)                  { return acquire(holder, 0, errUnclear) }

func acquire(holder string, token uint64, err error) func(*script) {
	return func(s *script) {
		s.got, s.err = lease.Lease{}, err
		if err == nil {
			s.got = of(holder, token)
		}
		_, _ = s.client().Acquire(s.t.Context(), "x", holder)
	}
}

func renew(holder string, token uint64, err error) func(*script) {
	return func(s *script) {
		s.got, s.err = of(holder, token), err
		_, _ = s.client().Renew(s.t.Context(), s.got)
	}
}

func release(holder string, token uint64, err error) func(*script) {
	return func(s *script) {
		s.err = err
		_ = s.client().Release(s.t.Context(), of(holder, token))
	}
}

func inspect(i lease.Info) func(*script) {
	return func(s *script) {
		s.info, s.err = i, nil
		_, _ = s.client().Inspect(s.t.Context(), "x")
	}
}

func lost(token uint64, reason lease.LostReason, now lease.Info) error {
	return &lease.LostError{Name: "x", Token: token, Reason: reason, Now: now}
}

func TestLeaseModel(t *testing.T) {
	t.Parallel()
	const half = scriptLength / 2
	heldBy := func(holder string, token uint64) lease.Info { return info(lease.Held, holder, token) }
	freeOf := func(holder string, token uint64) lease.Info { return info(lease.Free, holder, token) }
	overOf := func(holder string, token uint64) lease.Info { return info(lease.Expired, holder, token) }
	for name, test := range map[string]struct {
		steps  steps
		wrong  bool
		native bool
	}{
		"the first has token 1":     {steps: steps{inspect(freeOf("", 0)), acquires("a", 1), inspect(heldBy("a", 1))}},
		"the first has another one": {steps: steps{acquires("a", 2)}, wrong: true},
		"two hold it":               {steps: steps{acquires("a", 1), acquires("b", 2)}, wrong: true},

		"a takeover when the lease is over":       {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2)}},
		"a takeover a nanosecond before":          {steps: steps{acquires("a", 1), after(scriptLength - 3*time.Nanosecond), acquires("b", 2)}, wrong: true},
		"a takeover in spite of a renewal":        {steps: steps{acquires("a", 1), after(half), renew("a", 1, nil), after(half), acquires("b", 2)}, wrong: true},
		"a takeover after a renewal":              {steps: steps{acquires("a", 1), after(half), renew("a", 1, nil), after(scriptLength), acquires("b", 2)}},
		"a takeover, as a renewal did not happen": {steps: steps{acquires("a", 1), after(half), renew("a", 1, errUnclear), after(half), acquires("b", 2)}},
		"expired before its time":                 {steps: steps{acquires("a", 1), after(half), inspect(overOf("a", 1))}, wrong: true},
		"expired in time":                         {steps: steps{acquires("a", 1), after(scriptLength), inspect(overOf("a", 1)), inspect(heldBy("a", 1))}},

		"a release":                            {steps: steps{acquires("a", 1), release("a", 1, nil), inspect(freeOf("a", 1)), acquires("b", 2)}},
		"held, though it was released":         {steps: steps{acquires("a", 1), release("a", 1, nil), inspect(heldBy("a", 1))}, wrong: true},
		"refused, though it was released":      {steps: steps{acquires("a", 1), release("a", 1, nil), refused("b", heldBy("a", 1))}, wrong: true},
		"free, though it was not":              {steps: steps{acquires("a", 1), inspect(freeOf("a", 1))}, wrong: true},
		"released twice":                       {steps: steps{acquires("a", 1), release("a", 1, nil), release("a", 1, nil)}, wrong: true},
		"a release that may have happened":     {steps: steps{acquires("a", 1), release("a", 1, errUnclear), acquires("b", 2)}},
		"a release that happens late":          {steps: steps{acquires("a", 1), release("a", 1, errUnclear), inspect(heldBy("a", 1)), inspect(freeOf("a", 1))}},
		"a release that comes and goes":        {steps: steps{acquires("a", 1), release("a", 1, errUnclear), inspect(freeOf("a", 1)), inspect(heldBy("a", 1))}, wrong: true},
		"a late release hits its own only":     {steps: steps{acquires("a", 1), release("a", 1, errUnclear), after(scriptLength), acquires("b", 2), inspect(freeOf("b", 2))}, wrong: true},
		"a renewal of what is somebody else's": {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2), renew("a", 1, nil)}, wrong: true},
		"a renewal of what was released":       {steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, nil)}, wrong: true},
		"a late renewal of what nobody took":   {steps: steps{acquires("a", 1), after(2 * scriptLength), renew("a", 1, nil)}},

		"a token twice":                       {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 1)}, wrong: true},
		"a token less":                        {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 2), release("b", 2, nil), acquires("c", 1)}, wrong: true},
		"a token is left out":                 {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 3)}, wrong: true},
		"a failed one has a token":            {steps: steps{acquires("a", 1), release("a", 1, nil), fails("f"), acquires("b", 3)}},
		"or has not":                          {steps: steps{acquires("a", 1), release("a", 1, nil), fails("f"), acquires("b", 2)}},
		"an answer of an old token":           {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 2), refused("c", heldBy("a", 1))}, wrong: true},
		"a refusal that says that it is free": {steps: steps{acquires("a", 1), release("a", 1, nil), refused("b", freeOf("a", 1))}, wrong: true},
		"an answer of another holder":         {steps: steps{acquires("a", 1), inspect(heldBy("b", 1))}, wrong: true},
		"an answer of another token":          {steps: steps{acquires("a", 1), inspect(heldBy("a", 2))}, wrong: true},
		"a new ID": {steps: steps{acquires("a", 1), func(s *script) {
			s.info, s.err = heldBy("a", 1), nil
			s.info.ID = "b's"
			_, _ = s.client().Inspect(s.t.Context(), "x")
		}}, wrong: true},

		"a failed one holds it":                         {steps: steps{fails("f"), by(2), inspect(heldBy("f", 1)), refused("a", heldBy("f", 1))}},
		"its manager takes it over at once":             {steps: steps{by(1), fails("f"), by(2), refused("a", heldBy("f", 1)), by(1), inspect(overOf("f", 1)), acquires("b", 2)}},
		"another manager does":                          {steps: steps{by(1), fails("f"), by(1), inspect(heldBy("f", 1)), by(2), inspect(overOf("f", 1))}, wrong: true},
		"a failed one is undone":                        {steps: steps{fails("f"), inspect(heldBy("f", 1)), inspect(freeOf("f", 1)), by(2), acquires("a", 2)}},
		"a failed one is undone, and stays so":          {steps: steps{fails("f"), inspect(freeOf("f", 1)), inspect(heldBy("f", 1))}, wrong: true},
		"a failed one lands late":                       {steps: steps{fails("f"), inspect(freeOf("", 0)), inspect(heldBy("f", 1))}},
		"a failed one lands on what came after it":      {steps: steps{fails("f"), after(time.Nanosecond), by(2), acquires("a", 1), release("a", 1, nil), inspect(heldBy("f", 2))}, wrong: true},
		"a failed one takes over before it may":         {steps: steps{acquires("a", 1), after(half), fails("f"), after(half), inspect(heldBy("f", 2))}, wrong: true},
		"a failed one takes over what it may take over": {steps: steps{acquires("a", 1), after(scriptLength), fails("f"), after(half), inspect(heldBy("f", 2))}},

		"lost, as it is taken":             {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2), renew("a", 1, lost(1, lease.LostTaken, heldBy("b", 2)))}},
		"lost to nobody":                   {steps: steps{acquires("a", 1), renew("a", 1, lost(1, lease.LostTaken, heldBy("a", 1)))}, wrong: true},
		"lost to somebody who was before":  {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 2), after(scriptLength), acquires("c", 3), release("b", 2, lost(2, lease.LostTaken, heldBy("a", 1)))}, wrong: true},
		"lost, as it was released":         {steps: steps{acquires("a", 1), release("a", 1, nil), release("a", 1, lost(1, lease.LostReleased, freeOf("a", 1)))}},
		"lost, as released, and it is not": {steps: steps{acquires("a", 1), release("a", 1, lost(1, lease.LostReleased, freeOf("a", 1)))}, wrong: true},
		"lost, as released, and is taken":  {steps: steps{acquires("a", 1), release("a", 1, nil), acquires("b", 2), renew("a", 1, lost(1, lease.LostReleased, heldBy("b", 2)))}, wrong: true},
		"lost, as its record is gone":      {steps: steps{acquires("a", 1), renew("a", 1, lost(1, lease.LostGone, freeOf("", 0)))}, wrong: true},
		"lost, as released, but held":      {steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, lost(1, lease.LostReleased, heldBy("a", 1)))}, wrong: true},
		"lost, as taken, but released":     {steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, lost(1, lease.LostTaken, freeOf("a", 1)))}, wrong: true},
		"lost, as gone, but taken":         {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2), renew("a", 1, lost(1, lease.LostGone, heldBy("b", 2)))}, wrong: true},
		"native: lost, but free":           {native: true, steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, lost(1, lease.LostTaken, lease.Info{State: lease.Held}))}, wrong: true},
		"lost, with another token":         {steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, lost(2, lease.LostReleased, freeOf("a", 1)))}, wrong: true},
		"releasing what is lost changes nothing": {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2),
			release("a", 1, lost(1, lease.LostTaken, heldBy("b", 2))), inspect(freeOf("b", 2))}, wrong: true},
		"an unclear release of what is lost does not, either": {steps: steps{acquires("a", 1), after(scriptLength), acquires("b", 2),
			release("a", 1, errUnclear), by(2), acquires("c", 3)}, wrong: true},

		"native: held, and the record is not there yet":      {native: true, steps: steps{acquires("a", 1), release("a", 1, nil), fails("f"), inspect(heldBy("a", 1)), inspect(freeOf("a", 1)), acquires("b", 2)}},
		"elsewhere there is no such thing":                   {steps: steps{acquires("a", 1), release("a", 1, nil), fails("f"), inspect(heldBy("a", 1))}, wrong: true},
		"native: nobody takes a failed one over at once":     {native: true, steps: steps{fails("f"), inspect(heldBy("f", 1)), inspect(overOf("f", 1))}, wrong: true},
		"native: the record of the holder":                   {native: true, steps: steps{acquires("a", 1), fails("f"), inspect(heldBy("f", 2))}, wrong: true},
		"native: lost to a record that is not there yet":     {native: true, steps: steps{acquires("a", 1), after(scriptLength), fails("f"), renew("a", 1, lost(1, lease.LostTaken, lease.Info{State: lease.Held}))}},
		"native: lost to nobody":                             {native: true, steps: steps{acquires("a", 1), after(scriptLength), renew("a", 1, lost(1, lease.LostTaken, lease.Info{State: lease.Held}))}, wrong: true},
		"native: lost, and the look that was to tell failed": {native: true, steps: steps{acquires("a", 1), release("a", 1, nil), renew("a", 1, lost(1, lease.LostTaken, lease.Info{}))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{t: t, h: NewHistory[Term](), native: test.native, clients: map[int]*Leases{}, now: 1}
				for _, step := range test.steps {
					time.Sleep(time.Nanosecond) // else successive calls would be concurrent
					step(s)
				}
				verdict(t, s.h.Check(0, t.TempDir()), test.wrong)
			})
		})
	}
}

func verdict(t *testing.T, err error, wrong bool) {
	t.Helper()
	if wrong {
		require.ErrorIs(t, err, ErrWrong)
	} else {
		require.NoError(t, err)
	}
}

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
