package leasetest

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

// unhurried is a place that refuses a second write to one name within a second, as Google Cloud Storage does.
func unhurried() *cells {
	c := newCells()
	c.writeEvery = time.Second
	return c
}

// A right store or manager passes if writes to one name are limited.
func TestSoundPlacesPassWhenWritesAreLimited(t *testing.T) {
	t.Parallel()
	for _, c := range everyStoreCheck() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				place := unhurried()
				assert.Empty(t, record(t, func(t testing.TB) { c.run(t, func() lease.Store { return place.slow(nil) }) }))
			})
		})
	}
	for _, m := range soundManagers {
		for _, virtual := range []bool{false, true} {
			for _, c := range managerChecks {
				if m.without(c) {
					continue
				}
				t.Run(m.name+"/"+c.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						assert.Empty(t, record(t, func(t testing.TB) {
							s := Harness{Virtual: virtual, Open: func(testing.TB) Place { return unhurried().place(m.manager) }}.scene(t)
							if m.native {
								s.Store = nil
							}
							c.run(t, s)
						}))
					})
				})
			}
		}
	}
}

// hidden are the flaws that such a place hides: it refuses the losers of a race, whatever they do.
var hidden = map[string][]string{
	"one of many acquires":      {"takes a conflict for success", "gives up at a conflict"},
	"one of many takes over":    {"takes a conflict for success"},
	"renew and release at once": {"Renew ignores that it was released"},
}

// The checks find every other flaw there, too.
func TestFlawedManagersFailWhenWritesAreLimited(t *testing.T) {
	t.Parallel()
	for _, m := range flawedManagers {
		for _, name := range m.fails {
			if slices.Contains(hidden[name], m.flaw) {
				continue
			}
			c := named(t, managerChecks, name)
			t.Run(m.flaw+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := Harness{Virtual: true, Open: func(testing.TB) Place { return unhurried().place(newNaive(m.flaw)) }}
					assert.NotEmpty(t, record(t, func(t testing.TB) { c.run(t, h.scene(t)) }), "the check passes a manager that is flawed")
				})
			})
		}
	}
}

// A manager that undoes what it has written before the service takes another write undoes nothing.
func TestUndoneTooSoon(t *testing.T) {
	t.Parallel()
	undone := named(t, managerChecks, "a failed acquisition is undone by its own call")
	run := func(t *testing.T, p Place) []string {
		return record(t, func(t testing.TB) {
			undone.run(t, Harness{Virtual: true, Open: func(testing.TB) Place { return p }}.scene(t))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		assert.NotEmpty(t, run(t, unhurried().place(newNaive("undoes at once"))), "the check passes a manager that is flawed")
		assert.Empty(t, run(t, newCells().place(newNaive("undoes at once"))), "where it may write at once")
	})
}

// A manager of a store of Late keeps the limits of the store below.
func TestLateHasTheLimits(t *testing.T) {
	t.Parallel()
	c := unhurried()
	assert.Equal(t, lease.LimitsOf(lease.NewManager(c)), lease.LimitsOf(lease.NewManager(Late(c, func() error { return nil }))))
	plain := struct{ lease.Store }{c} // which tells of no limits
	assert.Equal(t, lease.LimitsOf(lease.NewManager(plain)), lease.LimitsOf(lease.NewManager(Late(plain, func() error { return nil }))))
	synctest.Test(t, func(t *testing.T) {
		c := unhurried()
		p := c.place(func(c *cells) lease.Manager { return lease.NewManager(c) })
		p.Slow = func(answered func() error) lease.Manager { return lease.NewManager(Late(c, answered)) }
		assert.Empty(t, record(t, func(t testing.TB) {
			undoneAcquire(t, Harness{Virtual: true, Open: func(testing.TB) Place { return p }}.scene(t))
		}))
	})
}
