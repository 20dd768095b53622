package leasetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

// tooShort is a length in which some requests do not fit: a right manager may come too late, and is excused.
const tooShort = 500 * time.Millisecond

// endsWhatRanOut is no flaw of a service that ends leases by itself: it renews and releases none that has run out.
const endsWhatRanOut = "ends what ran out"

// slowly returns a scene in virtual time that allows for as much as one in real time, whose requests and answers take as long as lag says.
// A length of 0 is one that fits them.
func slowly(t testing.TB, manager func(*cells) lease.Manager, native bool, length time.Duration, lag func(answered bool) time.Duration) *scene {
	c := newCells()
	c.lag = lag
	s := Harness{Length: length, Open: func(testing.TB) Place { return c.place(manager) }}.scene(t)
	if native {
		s.Store = nil
	}
	return s
}

type soundManager struct {
	name    string
	manager func(*cells) lease.Manager
	native  bool // it shows no records, and sends more requests
}

func (m soundManager) without(c check[*scene]) bool {
	return m.native && (slices.Contains(c.needs, records) || slices.Contains(c.needs, counting) || c.name == "requests")
}

var soundManagers = []soundManager{
	{"protocol", func(c *cells) lease.Manager { return lease.NewManager(c) }, false},
	{"naive", newNaive(""), false},
	{"native", newNaive(endsWhatRanOut), true},
}

// A right manager passes whatever the time that a request takes, and also if the lease's length has been chosen too short for that.
func TestSoundManagersPassWhenRequestsAreSlow(t *testing.T) {
	t.Parallel()
	for _, m := range soundManagers {
		for _, slow := range []struct{ each, length time.Duration }{
			{100 * time.Millisecond, tooShort}, {250 * time.Millisecond, tooShort}, {450 * time.Millisecond, tooShort}, {450 * time.Millisecond, 0},
		} {
			for _, c := range managerChecks {
				if m.without(c) {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					assert.Empty(t, record(t, func(t testing.TB) {
						c.run(t, slowly(t, m.manager, m.native, slow.length, func(bool) time.Duration { return slow.each / 2 }))
					}), "%s, %v a request, length %v: %s", m.name, slow.each, slow.length, c.name)
				})
			}
		}
	}
}

// timed are the checks in which a lease must not run out before its time.
func timed() []check[*scene] {
	first := slices.IndexFunc(managerChecks, func(c check[*scene]) bool { return c.name == "acquire" })
	return append(slices.Clone(managerChecks[:first]), managerChecks[slices.IndexFunc(managerChecks, func(c check[*scene]) bool { return c.name == "limits" })])
}

// A right manager passes on a machine that stands still for a second, whenever that is.
func TestSoundManagersPassOnAMachineThatStandsStill(t *testing.T) {
	t.Parallel()
	for _, m := range soundManagers {
		for _, c := range timed() {
			if m.without(c) {
				continue
			}
			for still := 0; ; still++ {
				n := 0
				synctest.Test(t, func(t *testing.T) {
					var mu sync.Mutex
					assert.Empty(t, record(t, func(t testing.TB) {
						c.run(t, slowly(t, m.manager, m.native, tooShort, func(bool) time.Duration {
							mu.Lock()
							defer mu.Unlock()
							if n++; n == still+1 {
								return time.Second
							}
							return 5 * time.Millisecond
						}))
					}), fmt.Sprintf("%s, still at %d: %s", m.name, still, c.name))
				})
				if still >= n || still > 60 {
					break
				}
			}
		}
	}
}

// A flaw that a fast service shows is one that a slow service shows, too.
func TestFlawedManagersFailWhenRequestsAreSlow(t *testing.T) {
	t.Parallel()
	for _, each := range []time.Duration{40 * time.Millisecond, 200 * time.Millisecond} {
		for _, m := range flawedManagers {
			if m.flaw == "takes a wish for a renewal" {
				continue // it comes too late by less than what is allowed in real time
			}
			for _, name := range m.fails {
				c := named(t, managerChecks, name)
				t.Run(fmt.Sprint(m.flaw, "/", name, "/", each), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						assert.NotEmpty(t, record(t, func(t testing.TB) {
							c.run(t, slowly(t, newNaive(m.flaw), false, 0, func(bool) time.Duration { return each / 2 }))
						}), "the check passes a manager that is flawed")
					})
				})
			}
		}
	}
}

// A check that could not find a flaw, as requests were too slow for the length that it was told, says so.
func TestExcusesAreLogged(t *testing.T) {
	t.Parallel()
	c := named(t, managerChecks, "a renewal begins the length anew")
	synctest.Test(t, func(t *testing.T) {
		failures, logs := recordAll(t, func(t testing.TB) {
			c.run(t, slowly(t, newNaive("Renew writes nothing"), false, tooShort, func(bool) time.Duration { return 225 * time.Millisecond }))
		})
		assert.Empty(t, failures)
		assert.Contains(t, fmt.Sprint(logs), "was not checked")
	})
}
