package leasetest

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestSoundManagersPassEveryCheck(t *testing.T) {
	t.Parallel()
	for name, manager := range map[string]func(*cells) lease.Manager{
		"protocol": func(c *cells) lease.Manager { return lease.NewManager(c) },
		"naive":    newNaive(""),
	} {
		for _, c := range managerChecks {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					assert.Empty(t, record(t, func(t testing.TB) { c.run(t, harness(manager).scene(t)) }))
				})
			})
		}
	}
}

func TestNoCheckIsLeftOutWhereEverythingIsThere(t *testing.T) {
	t.Parallel()
	h := harness(func(c *cells) lease.Manager { return lease.NewManager(c) })
	synctest.Test(t, func(t *testing.T) {
		have := h.features(t)
		assert.Len(t, choose(t, managerChecks, have), len(managerChecks))
		assert.Equal(t, newCells().Limits(), h.scene(t).limits)
	})
}

// bare is a manager that has what it must have, on a place that shows nothing of itself.
type bare struct{ lease.Manager }

func TestChecksAreLeftOutThatNeedWhatIsNotThere(t *testing.T) {
	t.Parallel()
	h := Harness{Virtual: true, Open: func(testing.TB) Place {
		store := memory.NewStore()
		return Place{Manager: func() lease.Manager { return bare{lease.NewManager(store)} }}
	}}
	synctest.Test(t, func(t *testing.T) {
		assert.Empty(t, h.features(t))
		for _, c := range choose(t, managerChecks, nil) {
			assert.Empty(t, c.needs, c.name)
			assert.Empty(t, record(t, func(t testing.TB) { c.run(t, h.scene(t)) }), c.name)
		}
	})
}

// limited is a store with bounds on its leases.
type limited struct {
	*cells
	limits lease.Limits
}

func (l limited) Limits() lease.Limits { return l.limits }

// A right manager passes whatever lengths it takes, also if a minute is none of them.
func TestSoundManagersPassWhateverTheirLimits(t *testing.T) {
	t.Parallel()
	for _, limits := range []lease.Limits{
		{LengthStep: 7 * time.Second},
		{LengthStep: 7 * time.Second, MaxLength: time.Minute},
		{LengthStep: 45 * time.Second, MinLength: 50 * time.Second},
		{MinLength: 2 * time.Minute},
		{MinLength: 5 * time.Second, MaxLength: 5 * time.Second},
	} {
		for _, c := range managerChecks {
			t.Run(fmt.Sprintf("%+v/%s", limits, c.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := harness(func(c *cells) lease.Manager { return lease.NewManager(limited{c, limits}) })
					assert.Empty(t, record(t, func(t testing.TB) { c.run(t, h.scene(t)) }))
				})
			})
		}
	}
}

func TestSoundManagerPassesTheSuite(t *testing.T) {
	t.Parallel()
	TestManager(t, harness(func(c *cells) lease.Manager { return lease.NewManager(c) }))
}

// The suite waits by the clock if it must.
func TestSoundManagerPassesTheSuiteInRealTime(t *testing.T) {
	t.Parallel()
	h := harness(func(c *cells) lease.Manager { return lease.NewManager(c) })
	h.Virtual, h.Parallel = false, len(managerChecks)
	TestManager(t, h)
}

const brokenCheck = "a broken lease is lost, and nobody's until it is over"

// flawedManagers are flaws of the naive manager, and the checks that find them.
var flawedManagers = []struct {
	flaw  string
	fails []string
}{
	{"begins tokens anew after a release", []string{
		"tokens only grow", "a released lease is free at once", "a released lease is lost",
		"renew and release at once", "fields of the future are ignored",
	}},
	{"keeps the token in a takeover", []string{
		"tokens only grow", "a lease lasts its length, and no longer", "one of many takes over",
	}},
	{"the first token is 0 of none", []string{"acquire"}},
	{"the ID is the name of the lease", []string{"a released lease is free at once", "a takeover is final"}},
	{"the manager holds the lease", []string{"acquire"}},
	{"errors say nothing", []string{
		"acquire a held lease", "a released lease is lost", "a lease lasts its length, and no longer",
	}},
	{"does not say to whom it was lost", []string{"a takeover is final"}},
	{"Renew raises the token", []string{"renew", "renew with an older version"}},
	{"Inspect takes any name", []string{"Inspect"}},
	{"List guesses at what is not a record", []string{"List goes on over what is not a record"}},
	{"has one ID", []string{"acquire", "many leases at once"}},
	{"Release deletes", []string{
		"tokens only grow", "a released lease is free at once", "a released lease is lost", "Inspect", "List",
	}},
	{"Release takes from others", []string{"a takeover is final"}},
	{"Release ignores that it was released", []string{"a released lease is lost"}},
	{"Release trusts its version", []string{"release with an older version", "renew and release at once"}},
	{"Release creates what is gone", []string{"a record that is gone is not created anew"}},
	{"Renew takes from others", []string{"a takeover is final", "a record that is gone is not created anew"}},
	{"Renew ignores that it was released", []string{"a released lease is lost", "renew and release at once"}},
	{"Renew trusts its version", []string{"renew with an older version", "fields of the future are ignored"}},
	{"Renew creates what is gone", []string{"a record that is gone is not created anew"}},
	{"Renew makes a new ID", []string{"renew", "renew with an older version"}},
	{"Renew writes nothing", []string{"a renewal begins the length anew", "requests"}},
	{"does not say how it was lost", []string{"a released lease is lost", "a record that is gone is not created anew"}},
	{"goes by the wall clock", []string{
		"a wall clock that is behind does not decide", "a wall clock that is ahead does not decide",
	}},
	{"takes over at half the length", []string{
		"a lease lasts its length, and no longer", "one of many takes over", "RetryAfter leads to the takeover",
	}},
	{"takes over early", []string{
		"a lease lasts its length, and no longer", "a late standby watches for the whole length", "Inspect watches",
		"List watches",
	}},
	{"takes what it sees first", []string{"a late standby watches for the whole length", "acquire a held lease"}},
	{"never takes over", []string{
		"a lease lasts its length, and no longer", "tokens only grow", "a takeover is final", "one of many takes over",
		"RetryAfter leads to the takeover", "Inspect watches",
	}},
	{"watches the holder, not the renewals", []string{"a renewal begins the length anew"}},
	{"does not watch its own writes", []string{"the manager's own lease runs out, too"}},
	{"counts from when it began to watch only", []string{"a fresh manager takes over at once"}},
	{"counts to the answer", []string{"a slow Inspect proves nothing", "a slow List proves nothing"}},
	{"an old answer replaces a newer one", []string{"a slow Inspect replaces nothing", "a slow List replaces nothing"}},
	{"says only that it failed", []string{"the loser of a race says who won"}},
	{"Inspect does not watch", []string{"Inspect watches"}},
	{"List does not watch", []string{"List watches"}},
	{"does not release what ran out", []string{"a lease that ran out can be released"}},
	{"waits for a released lease", []string{"a released lease is free at once", "tokens only grow", "Inspect"}},
	{"leaks what failed", []string{"a failed acquisition leaks nothing"}},
	{"undoes nothing", []string{"a failed acquisition is undone by its own call"}},
	{"undoes nothing once the context has ended", []string{"a failed acquisition is undone by its own call"}},
	{"takes a conflict for success", []string{"one of many acquires", "one of many takes over"}},
	{"gives up at a conflict", []string{"one of many acquires", "the loser of a race says who won"}},
	{"the same holder re-enters", []string{"the same holder does not re-enter"}},
	{"polls write", []string{"requests", "requests of a takeover"}},
	{"reads twice", []string{"requests", "requests of a takeover"}},
	{"validates nothing", []string{"invalid requests", "nothing is sent for an invalid request", "limits"}},
	{"asks before it validates", []string{"nothing is sent for an invalid request"}},
	{"ignores its limits", []string{"limits"}},
	{"overwrites what is not a record", []string{
		"what is not a record is left alone", "a held record that was broken is left alone",
	}},
	{"reads newer formats", []string{
		"what is not a record is left alone", "List goes on over what is not a record",
		"a held record that was broken is left alone",
	}},
	{"refuses unknown fields", []string{"fields of the future are ignored"}},
	{"tells nothing of the holder", []string{"acquire a held lease", "attributes", "Inspect", "List"}},
	{"RetryAfter is beyond the length", []string{"acquire a held lease", "Inspect"}},
	{"RetryAfter is too soon", []string{"RetryAfter leads to the takeover"}},
	{"RetryAfter stands still", []string{"RetryAfter leads to the takeover"}},
	{"a released lease looks held", []string{"a released lease is free at once", "Inspect", "List"}},
	{"rounds lengths", []string{"lengths are exact"}},
	{"drops empty attributes", []string{"attributes"}},
	{"composes attributes", []string{"attributes"}},
	{"shares attributes", []string{"attributes"}},
	{"shares attributes of renewals", []string{"attributes"}},
	{"lower-cases names", []string{"every name is a separate lease"}},
	{"trims names", []string{"every name is a separate lease"}},
	{"an acquisition forgets the value", []string{"the next lease inherits the value", "a value outlives its holder"}},
	{"an acquisition keeps the number of the value", []string{"the next lease inherits the value"}},
	{"a takeover forgets the value", []string{"a value outlives its holder"}},
	{"Break forgets the value", []string{"a value outlives its holder"}},
	{"Renew takes a newer value back", []string{"values go forward"}},
	{"Release takes a newer value back", []string{"values go forward"}},
	{"Release writes no value", []string{"a release stores the value"}},
	{"trims values", []string{"values are exact"}},
	{"validates nothing", []string{"values that do not fit are refused"}},
	{"keeps no values, silently", []string{"values that do not fit are refused"}},
	{"ignores the context", []string{"ended context"}},
	{"Break does nothing", []string{brokenCheck}},
	{"Break breaks again", []string{brokenCheck}},
	{"does not say what was broken", []string{brokenCheck}},
	{"keeps the renew interval to itself", []string{"the renew interval is published"}},
	{"Renew forgets the renew interval", []string{"the renew interval is published"}},
	{"keeps the time to hold to itself", []string{"the time to hold a lease is published"}},
	{"Renew forgets the time to hold", []string{"the time to hold a lease is published"}},
	{"takes the last of two fields", []string{"what is not a record is left alone"}},
	{"reads names in any case", []string{"what is not a record is left alone"}},
	{"Break takes from anybody", []string{brokenCheck}},
	{"Break gives the lease away at once", []string{brokenCheck}},
	{"Break leaves the lease to its holder", []string{brokenCheck}},
	{"a renewal forgets the history", []string{"a history is kept"}},
	{"an acquisition adds no term", []string{"a history is kept", "a history stays small"}},
	{"a history of one term", []string{"a history is kept", "a history stays small"}},
	{"a history without bound", []string{"a history stays small"}},
	{"every term was released", []string{"a history says how terms ended"}},
	{"yields for ever", []string{"who yields takes the lease in the end"}},
	{"yields to nobody", []string{"a released lease is left to the next"}},
	{"the next yields, too", []string{"a released lease is left to the next"}},
	{"does not say to whom it is left", []string{"a released lease is left to the next"}},
	{"takes a wish for a renewal", []string{"a wish renews nothing"}},
	{"a wish ends the lease", []string{"a wish renews nothing", "a wish reaches the holder"}},
	{"Renew finds no wish", []string{"a wish reaches the holder"}},
	{"Renew does not say that it has begun", []string{"a wish reaches the holder", "a wish can be withdrawn"}},
	{"Renew finds what was withdrawn", []string{"a wish can be withdrawn"}},
	{"a renewal forgets the wish", []string{"a wish reaches the holder"}},
	{"a wish outlives its term", []string{"a wish ends with the term"}},
	{"withdraws what was begun", []string{"a wish can be withdrawn"}},
	{"Withdraw does nothing", []string{"a wish can be withdrawn"}},
	{"asks anybody", []string{"who cannot be asked is not"}},
	{"asks nobody", []string{"who cannot be asked is not"}},
	{"asks those who do not heed", []string{"who cannot be asked is not"}},
	{"a wish replaces another", []string{"who cannot be asked is not"}},
	{"a wish is asked twice", []string{"requests of a wish"}},
	{"a Break is a term", []string{"a history says how terms ended"}},
	{"a late write of its own will do", []string{"a renewal after one whose answer was lost begins the length anew"}},
	{"a takeover looks at the holder alone", []string{"a takeover gives way to a renewal"}},
	{"Renew checks, then writes", []string{"a slow Renew takes nothing back"}},
	{"Renew writes blindly after a conflict", []string{"a slow Renew takes nothing back"}},
	{"Release checks, then writes", []string{"a slow Release releases nobody else's lease"}},
	{"Release writes blindly after a conflict", []string{"a slow Release releases nobody else's lease"}},
	{"Break checks, then writes", []string{"a slow Break breaks nobody else's lease"}},
	{"Ask checks, then writes", []string{"a slow Ask asks nobody else"}},
	{"Withdraw checks, then writes", []string{"a slow Withdraw withdraws nothing of another's"}},
	{"Inspect is blind", []string{"Inspect", "a wrapper hides nothing"}},
	{"Inspect touches", []string{"Inspect does not touch"}},
	{"List ignores the prefix", []string{"List"}},
	{"List ends at what is not a record", []string{"List goes on over what is not a record"}},
	{"List is silent about what is not a record", []string{"List goes on over what is not a record"}},
}

// clocked is a manager whose leases end by the store's own clock.
type clocked struct{ lease.Manager }

func (m clocked) Unwrap() lease.Manager { return m.Manager }

func (m clocked) Inspect(ctx context.Context, name string) (lease.Info, error) {
	info, err := lease.Inspect(ctx, m.Manager, name)
	info.Timed = true
	return info, err
}

// A manager without a store may leave tokens out only where its leases are timed, or nobody can look at them.
func TestTokensAreCountedWhereRunOnceGoesByThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrap func(lease.Manager) lease.Manager
		ok   bool
	}{
		"neither": {func(m lease.Manager) lease.Manager { return m }, false},
		"timed":   {func(m lease.Manager) lease.Manager { return clocked{m} }, true},
		"blind":   {func(m lease.Manager) lease.Manager { return bare{m} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cells := newCells()
				h := Harness{Virtual: true, Open: func(testing.TB) Place {
					return Place{Manager: func() lease.Manager { return c.wrap(newNaive("leaves tokens out")(cells)) }}
				}}
				check := named(t, managerChecks, "a released lease is free at once")
				failures := record(t, func(t testing.TB) { check.run(t, h.scene(t)) })
				assert.Equal(t, c.ok, len(failures) == 0, "%v", failures)
			})
		})
	}
}

func TestFlawedManagersFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, m := range flawedManagers {
		for _, name := range m.fails {
			shown[name] = true
			c := named(t, managerChecks, name)
			t.Run(m.flaw+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					failures := record(t, func(t testing.TB) { c.run(t, harness(newNaive(m.flaw)).scene(t)) })
					assert.NotEmpty(t, failures, "the check passes a manager that is flawed")
				})
			})
		}
	}
	wantAllNamed(t, managerChecks, shown)
}
