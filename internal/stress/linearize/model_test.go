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

// with is the info with a value.
func with(value string, i lease.Info) lease.Info {
	i.Value = value
	return i
}

func acquiresWith(holder string, token uint64, value string) func(*script) {
	return func(s *script) {
		s.got, s.err = of(holder, token), nil
		s.got.Value = value
		_, _ = s.client().Acquire(s.t.Context(), "x", holder)
	}
}

// carrying is a lease with token 1, and the change of its value that a call carries.
func carrying(holder string, number uint64, value string) lease.Lease {
	l := of(holder, 1)
	l.Value, l.ValueNumber = value, number
	return l
}

func sets(holder string, number uint64, value string) func(*script) {
	return keeps(holder, number, value, nil)
}

func keeps(holder string, number uint64, value string, err error) func(*script) {
	return func(s *script) {
		s.got, s.err = carrying(holder, number, value), err
		_, _ = s.client().Renew(s.t.Context(), s.got)
	}
}

func releasesWith(holder string, number uint64, value string, err error) func(*script) {
	return func(s *script) {
		s.err = err
		_ = s.client().Release(s.t.Context(), carrying(holder, number, value))
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

		"a value is inherited":                  {steps: steps{acquires("a", 1), sets("a", 1, "v"), release("a", 1, nil), acquiresWith("b", 2, "v"), inspect(with("v", heldBy("b", 2)))}},
		"a value is forgotten":                  {steps: steps{acquires("a", 1), sets("a", 1, "v"), release("a", 1, nil), acquires("b", 2)}, wrong: true},
		"a value that nobody set":               {steps: steps{acquires("a", 1), inspect(with("v", heldBy("a", 1)))}, wrong: true},
		"a value that may be set":               {steps: steps{acquires("a", 1), keeps("a", 1, "v", errUnclear), inspect(heldBy("a", 1)), inspect(with("v", heldBy("a", 1)))}},
		"a value that comes and goes":           {steps: steps{acquires("a", 1), keeps("a", 1, "v", errUnclear), inspect(with("v", heldBy("a", 1))), inspect(heldBy("a", 1))}, wrong: true},
		"an older value comes back":             {steps: steps{acquires("a", 1), sets("a", 2, "w"), keeps("a", 1, "v", nil), inspect(with("v", heldBy("a", 1)))}, wrong: true},
		"an older value does not":               {steps: steps{acquires("a", 1), sets("a", 2, "w"), keeps("a", 1, "v", nil), inspect(with("w", heldBy("a", 1)))}},
		"a late value of the term before":       {steps: steps{acquires("a", 1), keeps("a", 1, "v", errUnclear), release("a", 1, nil), acquires("b", 2), inspect(with("v", heldBy("b", 2)))}, wrong: true},
		"a release stores the value":            {steps: steps{acquires("a", 1), releasesWith("a", 1, "v", nil), inspect(with("v", freeOf("a", 1)))}},
		"a release leaves it out":               {steps: steps{acquires("a", 1), releasesWith("a", 1, "v", nil), inspect(freeOf("a", 1))}, wrong: true},
		"a release that may store it":           {steps: steps{acquires("a", 1), releasesWith("a", 1, "v", errUnclear), inspect(heldBy("a", 1)), inspect(with("v", freeOf("a", 1)))}},
		"a release in two steps":                {steps: steps{acquires("a", 1), releasesWith("a", 1, "v", errUnclear), inspect(with("v", heldBy("a", 1)))}, wrong: true},
		"native: a release in two steps":        {native: true, steps: steps{acquires("a", 1), releasesWith("a", 1, "v", errUnclear), inspect(with("v", heldBy("a", 1))), inspect(with("v", freeOf("a", 1)))}},
		"native: a release without its value":   {native: true, steps: steps{acquires("a", 1), releasesWith("a", 1, "v", nil), inspect(freeOf("a", 1))}, wrong: true},
		"a failed one keeps the value":          {steps: steps{acquires("a", 1), sets("a", 1, "v"), release("a", 1, nil), fails("f"), inspect(with("v", heldBy("f", 2)))}},
		"a failed one takes it":                 {steps: steps{acquires("a", 1), sets("a", 1, "v"), release("a", 1, nil), fails("f"), inspect(heldBy("f", 2))}, wrong: true},
		"lost, though an attempt stored it":     {steps: steps{acquires("a", 1), release("a", 1, errUnclear), keeps("a", 1, "v", lost(1, lease.LostReleased, with("v", freeOf("a", 1)))), inspect(with("v", freeOf("a", 1)))}},
		"lost, and the value is stored by that": {steps: steps{acquires("a", 1), release("a", 1, nil), keeps("a", 1, "v", lost(1, lease.LostReleased, freeOf("a", 1))), inspect(with("v", freeOf("a", 1)))}, wrong: true},

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
