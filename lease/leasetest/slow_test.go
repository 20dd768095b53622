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

// endsWhatRanOut is no flaw of a service that ends leases by itself: it renews and releases none that has run out.
const endsWhatRanOut = "ends what ran out"

// slowly returns a scene in virtual time that allows for as much as one in real time, whose requests and answers take as long as lag says.
func slowly(t testing.TB, manager func(*cells) lease.Manager, native bool, lag func(answered bool) time.Duration) *scene {
	c := newCells()
	c.lag = lag
	s := Harness{Open: func(testing.TB) Place {
		return Place{
			Manager: func() lease.Manager { return manager(c) }, Store: c, Delete: c.Delete, Requests: c.Requests,
			Slow: func(answered func() error) lease.Manager { return manager(c.slow(answered)) },
		}
	}}.scene(t)
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

// A right manager passes whatever the time that a request takes.
func TestSoundManagersPassWhenRequestsAreSlow(t *testing.T) {
	t.Parallel()
	for _, m := range soundManagers {
		for _, each := range []time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 450 * time.Millisecond} {
			for _, c := range managerChecks {
				if m.without(c) {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					assert.Empty(t, record(t, func(t testing.TB) {
						c.run(t, slowly(t, m.manager, m.native, func(bool) time.Duration { return each / 2 }))
					}), "%s, %v a request: %s", m.name, each, c.name)
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
						c.run(t, slowly(t, m.manager, m.native, func(bool) time.Duration {
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
