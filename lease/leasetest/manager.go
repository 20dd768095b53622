package leasetest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

var managerChecks = []check[*scene]{
	// The long ones first.
	{name: "a lease lasts its length, and no longer", run: lastsItsLength},
	{name: "a renewal begins the length anew", run: renewalBeginsAnew},
	{name: "a renewal after one whose answer was lost begins the length anew", run: lateRenewal},
	{name: "a late standby watches for the whole length", run: lateStandby},
	{name: "tokens only grow", run: tokensGrow},
	{name: "a takeover is final", run: takeoverIsFinal},
	{name: "one of many takes over", run: takeoverRace},
	{name: "RetryAfter leads to the takeover", run: retryAfter},
	{name: "the manager's own lease runs out, too", run: ownLeaseRunsOut},
	{name: "a broken lease is lost, and nobody's until it is over", run: brokenLease, needs: []feature{breaking}},
	{name: "a value outlives its holder", run: valueOutlives, needs: []feature{inspection, values}},
	{name: "a history says how terms ended", run: historyOfEndings, needs: []feature{history, breaking}},
	{name: "a wish renews nothing", run: wishRenewsNothing, needs: []feature{asking}},
	{name: "a fresh manager takes over at once", run: freshManager, needs: []feature{ageing}},
	{name: "a lease that ran out can be released", run: releaseLate},
	{name: "a failed acquisition leaks nothing", run: failedAcquire},
	{name: "a wall clock that is behind does not decide", run: wallClockOff(-24 * time.Hour), needs: []feature{records}},
	{name: "a wall clock that is ahead does not decide", run: wallClockOff(24 * time.Hour), needs: []feature{records}},
	{name: "Inspect watches", run: inspectWatches, needs: []feature{inspection}},
	{name: "List watches", run: listWatches, needs: []feature{listing}},
	{name: "a slow Inspect proves nothing", run: slowAnswer("Inspect", lease.Inspect), needs: []feature{slowness, inspection}},
	{name: "a slow List proves nothing", run: slowAnswer("List", listOne), needs: []feature{slowness, listing}},
	{name: "a slow Inspect replaces nothing", run: overtaken("Inspect", lease.Inspect), needs: []feature{slowness, inspection}},
	{name: "a slow List replaces nothing", run: overtaken("List", listOne), needs: []feature{slowness, listing}},
	{name: "a takeover gives way to a renewal", run: takeoverGivesWay, needs: []feature{slowness}},
	{name: "requests of a takeover", run: takeoverRequests, needs: []feature{counting}},

	{name: "acquire", run: acquireFree},
	{name: "acquire a held lease", run: acquireHeld},
	{name: "the same holder does not re-enter", run: noReentry},
	{name: "renew", run: renewHeld},
	{name: "renew with an older version", run: renewOlder},
	{name: "a released lease is free at once", run: releasedIsFree},
	{name: "a released lease is lost", run: releasedIsLost},
	{name: "release with an older version", run: releaseOlder},
	{name: "invalid requests", run: invalidRequests},
	{name: "the renew interval is published", run: renewIntervalShown},
	{name: "the time to hold a lease is published", run: holdShown},
	{name: "limits", run: limitsHold, needs: []feature{limiting}},
	{name: "lengths are exact", run: lengthsExact},
	{name: "attributes", run: attributesExact},
	{name: "every name is a separate lease", run: leaseNames},
	{name: "the next lease inherits the value", run: valueInherited, needs: []feature{inspection, values}},
	{name: "values go forward", run: valuesGoForward, needs: []feature{inspection, values}},
	{name: "a release stores the value", run: valueReleased, needs: []feature{inspection, values}},
	{name: "values are exact", run: valuesExact, needs: []feature{inspection, values}},
	{name: "values that do not fit are refused", run: valuesRefused},
	{name: "a history is kept", run: historyKept, needs: []feature{history}},
	{name: "a released lease is left to the next", run: leftToNext, needs: []feature{naming}},
	{name: "who yields takes the lease in the end", run: yieldEnds, needs: []feature{naming}},
	{name: "a wish reaches the holder", run: wishReaches, needs: []feature{asking}},
	{name: "a wish ends with the term", run: wishEnds, needs: []feature{asking}},
	{name: "a wish can be withdrawn", run: wishWithdrawn, needs: []feature{asking}},
	{name: "who cannot be asked is not", run: wishRefused, needs: []feature{asking}},
	{name: "requests of a wish", run: wishRequests, needs: []feature{asking, counting}},
	{name: "a history stays small", run: historyStaysSmall, needs: []feature{history}},
	{name: "ended context", run: managerContextEnded},
	{name: "one of many acquires", run: acquireRace},
	{name: "the loser of a race says who won", run: loserSaysHeld, needs: []feature{slowness}},
	{name: "a failed acquisition is undone by its own call", run: undoneAcquire, needs: []feature{slowness}},
	{name: "a slow Renew takes nothing back", run: overtakenCall(slowRenew), needs: []feature{slowness}},
	{name: "a slow Release releases nobody else's lease", run: overtakenCall(slowRelease), needs: []feature{slowness}},
	{name: "a slow Break breaks nobody else's lease", run: overtakenCall(slowBreak), needs: []feature{slowness, breaking}},
	{name: "a slow Ask asks nobody else", run: overtakenCall(slowAsk), needs: []feature{slowness, asking}},
	{name: "a slow Withdraw withdraws nothing of another's", run: overtakenCall(slowWithdraw), needs: []feature{slowness, asking}},
	{name: "renew and release at once", run: renewReleaseRace},
	{name: "many leases at once", run: manyLeases},
	{name: "requests", run: requests, needs: []feature{counting}},
	{name: "nothing is sent for an invalid request", run: invalidSendsNothing, needs: []feature{counting}},
	{name: "Inspect", run: inspectStates, needs: []feature{inspection}},
	{name: "Inspect does not touch", run: inspectDoesNotTouch, needs: []feature{inspection, records}},
	{name: "List", run: listStates, needs: []feature{listing}},
	{name: "a wrapper hides nothing", run: wrapperHidesNothing, needs: []feature{inspection, listing}},
	{name: "List goes on over what is not a record", run: listGoesOn, needs: []feature{records, listing}},
	{name: "what is not a record is left alone", run: notRecords, needs: []feature{records}},
	{name: "a held record that was broken is left alone", run: brokenRecords, needs: []feature{records}},
	{name: "fields of the future are ignored", run: unknownFields, needs: []feature{records}},
	{name: "a record that is gone is not created anew", run: recordGone, needs: []feature{deletion}},
}

func acquireFree(t testing.TB, s *scene) {
	m := s.Manager()
	ids := map[string]bool{}
	for range 3 {
		req := s.request(newName(), "one")
		req.Attributes = map[string]string{"address": "10.0.0.1"}
		l := acquire(t, m, req)
		if l.Name != req.Name || l.Holder != req.Holder || l.Length != req.Length || !maps.Equal(l.Attributes, req.Attributes) {
			t.Errorf("Acquire returned %+v; want what was asked for: %+v", l, req)
		}
		if l.ID == "" || ids[l.ID] || l.Version == "" {
			t.Errorf("Acquire returned ID %q and version %q; want a new ID and a version", l.ID, l.Version)
		}
		if l.Token == 0 || s.Store != nil && l.Token != 1 {
			t.Errorf("the token of a new lease is %d; want 1 where records are kept, and never 0", l.Token)
		}
		ids[l.ID] = true
	}
}

func acquireHeld(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	req := s.request(newName(), "one")
	held := acquire(t, holder, req)
	for range 2 {
		info := wantHeld(t, standby, s.request(req.Name, "two"))
		s.wantInfo(t, "HeldError", info, lease.Held, held)
	}
	renew(t, holder, held)
}

// wantInfo fails unless the info is that of the lease. A manager that keeps no records may leave some of it out.
func (s *scene) wantInfo(t testing.TB, what string, info lease.Info, state lease.State, l lease.Lease) {
	t.Helper()
	if info.Name != l.Name || info.State != state || info.Err != nil || info.Token != l.Token {
		t.Errorf("%s: name %q, state %s, token %d, error %v; want %q, %s, %d",
			what, info.Name, info.State, info.Token, info.Err, l.Name, state, l.Token)
	}
	if state == lease.Held && (info.Holder != l.Holder || !maps.Equal(info.Attributes, l.Attributes)) {
		t.Errorf("%s: holder %q, attributes %q; want %q, %q", what, info.Holder, info.Attributes, l.Holder, l.Attributes)
	}
	if s.Store != nil && (info.ID != l.ID || info.Length != l.Length || info.Version == "") {
		t.Errorf("%s: ID %q, length %v, version %q; want %q, %v and a version",
			what, info.ID, info.Length, info.Version, l.ID, l.Length)
	}
	if info.RetryAfter < 0 || info.RetryAfter > l.Length || state != lease.Held && info.RetryAfter != 0 || info.Age < 0 {
		t.Errorf("%s: RetryAfter %v, Age %v; want from 0 to the length of %v while it is held, and an age that is not negative",
			what, info.RetryAfter, info.Age, l.Length)
	}
	if s.Store != nil && state == lease.Held && info.RetryAfter == 0 {
		t.Errorf("%s: no RetryAfter, though a record says how long its lease is", what)
	}
}

func noReentry(t testing.TB, s *scene) {
	m := s.Manager()
	req := s.request(newName(), "one")
	held := acquire(t, m, req)
	wantHeld(t, m, req)
	wantHeld(t, s.Manager(), req)
	renew(t, m, held)
}

func renewHeld(t testing.TB, s *scene) {
	m := s.Manager()
	req := s.request(newName(), "one")
	req.Attributes = map[string]string{"address": "10.0.0.1"}
	first := acquire(t, m, req)
	held := first
	for range 3 {
		held = renew(t, m, held)
		if held.ID != first.ID || held.Token != first.Token || held.Name != first.Name || held.Holder != first.Holder ||
			held.Length != first.Length || !maps.Equal(held.Attributes, first.Attributes) || held.Version == "" {
			t.Errorf("Renew made %+v of %+v; want the same lease", held, first)
		}
	}
	wantHeld(t, s.Manager(), s.request(req.Name, "two"))
	release(t, m, held)
}

// renewOlder renews as a holder whose latest renewal was applied although its answer was lost (R4).
func renewOlder(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	for range 2 {
		renew(t, m, held)
	}
	if l := renew(t, s.Manager(), held); l.ID != held.ID || l.Token != held.Token {
		t.Errorf("Renew made ID %q, token %d of ID %q, token %d; want the same", l.ID, l.Token, held.ID, held.Token)
	}
}

func releaseOlder(t testing.TB, s *scene) {
	m := s.Manager()
	req := s.request(newName(), "one")
	held := acquire(t, m, req)
	renew(t, m, held)
	release(t, m, held)
	acquire(t, s.Manager(), req)
}

func releasedIsFree(t testing.TB, s *scene) {
	first, second := s.Manager(), s.Manager()
	name := newName()
	held := acquire(t, first, s.request(name, "one"))
	for range 3 {
		wantHeld(t, second, s.request(name, "two"))
		release(t, first, held)
		next := acquire(t, second, s.request(name, "two"))
		s.wantNext(t, held, next)
		held, first, second = next, second, first
	}
}

// wantNext fails unless next is another acquisition, with a greater token: the next one where tokens are counted (R5).
func (s *scene) wantNext(t testing.TB, before, next lease.Lease) {
	t.Helper()
	if next.Token <= before.Token || next.Token != before.Token+1 && s.counts(t, next.Name) {
		t.Errorf("token %d follows token %d; want always more, and one more where records are kept, or Info is not Timed", next.Token, before.Token)
	}
	if next.ID == before.ID {
		t.Errorf("two acquisitions have the ID %q", next.ID)
	}
}

// counts reports whether each token is to be greater by one: where records are kept, and where nothing else tells a process that has
// just started whether others have led meanwhile (lease.Manager).
func (s *scene) counts(t testing.TB, name string) bool {
	if s.Store != nil {
		return true
	}
	info, err := lease.Inspect(t.Context(), s.Manager(), name)
	return err == nil && info.State != lease.Free && !info.Timed
}

func releasedIsLost(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	held = renew(t, m, held)
	release(t, m, held)
	for range 2 {
		_, err := m.Renew(t.Context(), held)
		wantLost(t, "Renew of a released lease", err, held, lease.LostReleased)
		wantLost(t, "Release of a released lease", m.Release(t.Context(), held), held, lease.LostReleased)
	}
	s.wantNext(t, held, acquire(t, s.Manager(), s.request(held.Name, "two")))
}

// invalid are requests that break one rule each.
func (s *scene) invalid() map[string]lease.Request {
	with := func(change func(*lease.Request)) lease.Request {
		req := s.request(newName(), "one")
		change(&req)
		return req
	}
	return map[string]lease.Request{
		"no name":            with(func(r *lease.Request) { r.Name = "" }),
		"long name":          with(func(r *lease.Request) { r.Name = strings.Repeat("x", 256) }),
		"name with newline":  with(func(r *lease.Request) { r.Name += "\n" }),
		"name with U+0085":   with(func(r *lease.Request) { r.Name += "\u0085" }),
		"name not in UTF-8":  with(func(r *lease.Request) { r.Name += "\xff" }),
		"no holder":          with(func(r *lease.Request) { r.Holder = "" }),
		"long holder":        with(func(r *lease.Request) { r.Holder = strings.Repeat("x", 256) }),
		"holder with NUL":    with(func(r *lease.Request) { r.Holder = "a\x00" }),
		"no length":          with(func(r *lease.Request) { r.Length = 0 }),
		"negative length":    with(func(r *lease.Request) { r.Length = -time.Second }),
		"negative interval":  with(func(r *lease.Request) { r.RenewEvery = -1 }),
		"negative hold":      with(func(r *lease.Request) { r.HoldAtLeast = -1 }),
		"long attributes":    with(func(r *lease.Request) { r.Attributes = map[string]string{"k": strings.Repeat("x", 1024)} }),
		"attribute no key":   with(func(r *lease.Request) { r.Attributes = map[string]string{"": "x"} }),
		"attribute control":  with(func(r *lease.Request) { r.Attributes = map[string]string{"k": "a\nb"} }),
		"attribute no UTF-8": with(func(r *lease.Request) { r.Attributes = map[string]string{"\xff": "x"} }),
	}
}

func invalidRequests(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	for what, req := range s.invalid() {
		if _, err := m.Acquire(t.Context(), req); !errors.Is(err, lease.ErrInvalid) {
			t.Errorf("Acquire with %s: %v; want ErrInvalid", what, err)
		}
		changed := held
		changed.Holder, changed.Length, changed.Attributes = req.Holder, req.Length, req.Attributes
		changed.RenewEvery, changed.HoldAtLeast = req.RenewEvery, req.HoldAtLeast
		if lease.CheckName(req.Name) != nil {
			changed.Name = req.Name
		}
		if _, err := m.Renew(t.Context(), changed); !errors.Is(err, lease.ErrInvalid) {
			t.Errorf("Renew with %s: %v; want ErrInvalid", what, err)
		}
	}
	if _, err := m.Renew(t.Context(), lease.Lease{}); !errors.Is(err, lease.ErrInvalid) {
		t.Errorf("Renew of the zero Lease: %v; want ErrInvalid", err)
	}
	if err := m.Release(t.Context(), lease.Lease{}); !errors.Is(err, lease.ErrInvalid) {
		t.Errorf("Release of the zero Lease: %v; want ErrInvalid", err)
	}
	release(t, m, renew(t, m, held))
}

// renewIntervalShown: each write of the term shows everybody the renew interval that the holder states.
func renewIntervalShown(t testing.TB, s *scene) {
	shown(t, s, "renew interval", s.long/3, func(r *lease.Request) *time.Duration { return &r.RenewEvery },
		func(l lease.Lease) time.Duration { return l.RenewEvery }, func(i lease.Info) time.Duration { return i.RenewEvery })
}

// holdShown: each write of the term shows everybody for how long the holder keeps the lease at least.
func holdShown(t testing.TB, s *scene) {
	shown(t, s, "time to hold it at least", s.long/2, func(r *lease.Request) *time.Duration { return &r.HoldAtLeast },
		func(l lease.Lease) time.Duration { return l.HoldAtLeast }, func(i lease.Info) time.Duration { return i.HoldAtLeast })
}

// shown checks that each write of a term shows what its holder states, and that the next holder, who states nothing, does not inherit it.
func shown(t testing.TB, s *scene, what string, states time.Duration, in func(*lease.Request) *time.Duration,
	ofLease func(lease.Lease) time.Duration, ofInfo func(lease.Info) time.Duration,
) {
	m, other := s.Manager(), s.Manager()
	req := s.request(newName(), "one")
	*in(&req) = states
	held := acquire(t, m, req)
	for range 2 {
		if got := ofLease(held); got != states {
			t.Errorf("a lease asked for with a %s of %v has one of %v", what, states, got)
		}
		if got := ofInfo(wantHeld(t, other, s.request(req.Name, "two"))); got != states {
			t.Errorf("HeldError: a %s of %v; want %v", what, got, states)
		}
		held = renew(t, m, held)
	}
	release(t, m, held)
	if got := ofLease(acquire(t, other, s.request(req.Name, "two"))); got != 0 {
		t.Errorf("a lease asked for without a %s has one of %v", what, got)
	}
}

func limitsHold(t testing.TB, s *scene) {
	m := s.Manager()
	limits := s.limits
	step := max(limits.LengthStep, time.Nanosecond)
	refused := map[string]time.Duration{}
	if limits.MinLength > 0 {
		refused["shorter than MinLength"] = limits.MinLength - step
	}
	if limits.MaxLength > 0 {
		refused["longer than MaxLength"] = limits.MaxLength + step
	}
	for _, length := range []time.Duration{limits.MinLength, limits.MaxLength} {
		req := lease.Request{Name: newName(), Holder: "one", Length: length}
		if req.Validate(limits) != nil {
			continue // no such limit, or no multiple of LengthStep
		}
		sent := time.Now()
		s.giveBack(t, m, acquire(t, m, req), sent)
	}
	if limits.LengthStep > 1 {
		refused["no multiple of LengthStep"] = s.length + 1
	}
	for what, length := range refused {
		_, err := m.Acquire(t.Context(), lease.Request{Name: newName(), Holder: "one", Length: length})
		if !errors.Is(err, lease.ErrInvalid) {
			t.Errorf("Acquire for %v, %s: %v; want ErrInvalid", length, what, err)
		}
	}
}

func managerContextEnded(t testing.TB, s *scene) {
	m := s.Manager()
	free, taken := s.request(newName(), "one"), s.request(newName(), "one")
	held := acquire(t, m, taken)
	over := ended(t)
	calls := map[string]func(ctx context.Context) error{
		"Acquire":                 func(ctx context.Context) error { _, err := m.Acquire(ctx, free); return err },
		"Acquire of a held lease": func(ctx context.Context) error { _, err := m.Acquire(ctx, taken); return err },
		"Renew":                   func(ctx context.Context) error { _, err := m.Renew(ctx, held); return err },
		"Release":                 func(ctx context.Context) error { return m.Release(ctx, held) },
		"Inspect": func(ctx context.Context) error {
			_, err := lease.Inspect(ctx, m, held.Name)
			if errors.Is(err, errors.ErrUnsupported) {
				return over.Err()
			}
			return err
		},
	}
	for what, call := range calls {
		wantSoon(t, what, func() {
			if err := call(over); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a cancelled context: %v; want context.Canceled", what, err)
			}
		})
	}
	wantHeld(t, s.Manager(), taken)
	release(t, m, renew(t, m, held))
	acquire(t, s.Manager(), free)
}
