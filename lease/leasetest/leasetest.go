// Package leasetest checks whether a store or a manager of leases keeps the rules of package lease. A store passes
// [TestStores]. A manager passes [TestManager], also one that lease.NewManager makes of a store:
//
//	func TestStore(t *testing.T) {
//		leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
//			return func() lease.Store { return mine.NewStore(client(t), table) }
//		})
//	}
//
//	func TestManager(t *testing.T) {
//		leasetest.TestManager(t, leasetest.Harness{
//			Open: func(t testing.TB) leasetest.Place {
//				return leasetest.Place{
//					Manager: func() lease.Manager { return mine.New(client(t), table) },
//					Store:   mine.NewStore(client(t), table),
//				}
//			},
//		})
//	}
//
// Nearly all checks use random names, so they may share one real table. They leave behind what they have written. The
// checks of awkward names, such as "." and "con", use these names as they are: do not let two runs share a table at the
// same time. Checks run at the same time, so open and Open are called concurrently.
//
// If the store or the manager has a Limits method that says WriteEvery, the checks pause as long between two writes to one name. With a
// second they take some two minutes. In a race, such a store may refuse the losers with any error.
//
// The checks cannot find out whether the store keeps its promises in a failure, whether a list of more than 70 cells and 4.5 MB is
// complete, or whether a call returns soon when its context ends after the call has sent its first request. Test what your service does beyond.
package leasetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Place is one place that keeps leases, such as a table or a bucket.
type Place struct {
	// Manager returns a new manager on the place, as another process would have it. Required. It needs its own store and client: if
	// all managers share one lease.Store, the checks cannot find out whether that sees what other processes write.
	Manager func() lease.Manager

	// Store is the store below the managers. Checks read its records and change them by hand. Nil: lease.NewManager does
	// not make the managers, or a check cannot understand their records.
	Store lease.Store

	// Delete removes what is stored for a lease, as somebody might by hand. Nil: the suite leaves these checks out.
	Delete func(ctx context.Context, name string) error

	// Requests returns how many requests the place's managers have sent so far, the SDK's own attempts included. Nil:
	// the suite leaves these checks out.
	Requests func() (reads, writes int)

	// Slow returns a manager, as Manager does, that calls answered for each of its requests: after the service has
	// carried out the request, and before the manager gets the answer. answered may block. If it returns an error, the
	// manager gets that error instead of the answer. For a manager that speaks HTTP, use a RoundTripper that calls
	// answered when the RoundTripper below it returns; for one of lease.NewManager, a store that [Late] makes. Nil: the
	// suite leaves these checks out.
	Slow func(answered func() error) lease.Manager
}

// A Harness tells TestManager about a manager.
type Harness struct {
	// Open returns a place without leases, or at least one that nobody else uses. It fails t if there is none. The suite
	// calls it for each check, and once before. Required.
	Open func(t testing.TB) Place

	// Length is the length of a lease whose end a check waits for. 0: the shortest that the manager's Limits allow, but
	// at least 500 ms, and ten times as long as an acquisition takes. With a length in which the requests do not fit, checks
	// end early, and log that.
	Length time.Duration

	// Age says that a new manager takes over an expired lease without watching it first, because the store supplies
	// Snapshot.Age or expires leases itself.
	Age bool

	// AcquireWrites is the number of writes that one acquisition sends. 0: one, as with the managers of
	// lease.NewManager.
	AcquireWrites int

	// Virtual runs each check in a testing/synctest bubble. Use it for a manager that does no real input or output.
	Virtual bool

	// Parallel is the number of checks that run at a time. 0: 16. Most of them wait for a lease to expire.
	Parallel int
}

// TestStore checks whether stores keep the contract of lease.Store. open returns a store on a place that nobody else
// uses. The suite calls it for each check, and twice before.
//
// It sees one store at a time. A store that answers Load from what its own process has written passes, though other processes write, too:
// use [TestStores], unless there is no way to open a place twice.
func TestStore(t *testing.T, open func(t testing.TB) lease.Store) {
	TestStores(t, func(t testing.TB) func() lease.Store {
		s := open(t)
		return func() lease.Store { return s }
	})
}

// TestStores does what TestStore does, with two stores on one place where several write or read. open opens a place that nobody else
// uses, as the open of TestStore does. Each call of what it returns makes a new store on that place, as another process would have it: with
// its own client, and whatever else stores of one process might share.
func TestStores(t *testing.T, open func(t testing.TB) func() lease.Store) {
	var have []feature
	if _, ok := open(t)().(lease.Lister); ok {
		have = append(have, listing)
	}
	if _, ok := open(t)().(lease.Watcher); ok {
		have = append(have, watching)
	}
	runAll(t, parallel, choose(t, storeChecks, have), func(t *testing.T, c check[lease.Store]) { c.run(t, open(t)()) })
	runAll(t, parallel, choose(t, instanceChecks, have), func(t *testing.T, c check[instances]) {
		store := open(t)
		c.run(t, instances{store(), store()})
	})
}

// TestManager checks whether managers keep the contract of lease.Manager and the rules of package lease. It leaves out
// the checks for which the place lacks the means, and logs their names.
func TestManager(t *testing.T, h Harness) {
	var have []feature
	h.bubble(t, func(t *testing.T) { have = h.features(t) })
	run := func(t *testing.T, c check[*scene]) {
		h.bubble(t, func(t *testing.T) { c.run(t, h.scene(t)) })
	}
	atOnce := h.Parallel
	if atOnce == 0 {
		atOnce = parallel
	}
	runAll(t, atOnce, choose(t, managerChecks, have), run)
}

const parallel = 16

func (h Harness) bubble(t *testing.T, f func(t *testing.T)) {
	if h.Virtual {
		synctest.Test(t, f)
		return
	}
	f(t)
}

// A feature is something that a place may have and a check may need.
type feature string

const (
	records    feature = "Place.Store"
	deletion   feature = "Place.Delete"
	counting   feature = "Place.Requests"
	slowness   feature = "Place.Slow"
	ageing     feature = "Harness.Age"
	limiting   feature = "Limits of the length"
	inspection feature = "Inspect"
	listing    feature = "List"
	breaking   feature = "Break"
	values     feature = "values"
	history    feature = "history"
	watching   feature = "Watch"
	naming     feature = "Lease.Next"
	asking     feature = "Ask"
)

// features finds out what the harness and the manager have.
func (h Harness) features(t testing.TB) []feature {
	s := h.scene(t)
	m := s.Manager()
	_, err := lease.Inspect(t.Context(), m, newName())
	inspects := !errors.Is(err, errors.ErrUnsupported)
	lists := true
	for _, err := range lease.List(t.Context(), m, newName()) {
		lists = !errors.Is(err, errors.ErrUnsupported)
		break
	}
	var have []feature
	for f, ok := range map[feature]bool{
		records: s.Store != nil, deletion: s.Delete != nil, counting: s.Requests != nil, slowness: s.Slow != nil, ageing: h.Age,
		limiting: s.limits.MinLength > 0 || s.limits.MaxLength > 0 || s.limits.LengthStep > 0, inspection: inspects, listing: lists,
		values:   s.limits.MaxValue > 0,
		asking:   inspects && s.asks(t),
		naming:   inspects && (s.Store != nil || s.namesNext(t)),
		history:  inspects && (s.Store != nil || s.keepsHistory(t)),
		breaking: inspects && !errors.Is(lease.Break(t.Context(), m, lease.Info{Name: newName()}), errors.ErrUnsupported),
	} {
		if ok {
			have = append(have, f)
		}
	}
	return have
}

// A check tests one property of an S. Several run at the same time.
type check[S any] struct {
	name  string
	run   func(t testing.TB, subject S)
	needs []feature
}

// choose returns the checks whose needs are met, and logs which are not.
func choose[S any](t testing.TB, checks []check[S], have []feature) (chosen []check[S]) {
	var out []string
	for _, c := range checks {
		lacking := slices.DeleteFunc(slices.Clone(c.needs), func(f feature) bool { return slices.Contains(have, f) })
		if len(lacking) == 0 {
			chosen = append(chosen, c)
		} else {
			out = append(out, fmt.Sprintf("%s (there is no %s)", c.name, lacking[0]))
		}
	}
	if len(out) > 0 {
		t.Logf("left out: %s", strings.Join(out, "; "))
	}
	return chosen
}

// runAll does not use t.Parallel, which limits tests by the number of processors: the checks wait more than they work.
func runAll[S any](t *testing.T, atOnce int, checks []check[S], run func(*testing.T, check[S])) {
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, c := range checks {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			t.Run(c.name, func(t *testing.T) { run(t, c) })
		})
	}
	all.Wait()
}
