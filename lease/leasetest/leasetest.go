// Package leasetest says whether a store or a manager of leases keeps the rules of package lease. A store passes
// [TestStore], and the manager that is made of it, as every other one, passes [TestManager]:
//
//	func TestStore(t *testing.T) {
//		leasetest.TestStore(t, func(t testing.TB) lease.Store { return mine.NewStore(client(t), table) })
//	}
//
//	func TestManager(t *testing.T) {
//		leasetest.TestManager(t, leasetest.Harness{
//			Open: func(t testing.TB) leasetest.Place {
//				client := client(t)
//				return leasetest.Place{
//					Manager: func() lease.Manager { return mine.New(client, table) },
//					Store:   mine.NewStore(client, table),
//				}
//			},
//		})
//	}
//
// The checks use names of their own, so they may share one real table, and leave behind what they have written. Only
// where a name like "." or "con" is the point is it used as it is; so no two runs should share the table at the same
// time. The checks themselves do run at the same time, so open and Open are called concurrently.
//
// What they cannot find out: whether the store keeps its promises in a failure, and whether a list of more than a
// megabyte in some seventy cells is complete. Test what your service does beyond.
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
	// Manager returns a manager on the place as one more process would have it. Required.
	Manager func() lease.Manager

	// Store is the place below its managers, where a check reads records and changes them by hand. Nil: the managers
	// are not made by lease.NewManager, or have no records that a check can understand.
	Store lease.Store

	// Delete removes what is stored for a lease, as somebody might by hand. Nil: this is not checked.
	Delete func(ctx context.Context, name string) error

	// Requests returns how many requests the place's managers have sent so far, the SDK's own attempts included. Nil:
	// this is not checked.
	Requests func() (reads, writes int)

	// Slow returns a manager on the place, as Manager does, that calls answered for each of its requests: when the service
	// has carried the request out, and before the manager hears so. answered may take its time, and its error, if it has
	// one, is what the manager hears instead. For a manager that speaks HTTP, this is a RoundTripper that calls answered
	// when that below it returns; for one of lease.NewManager, a store that [Late] makes. Nil: this is not checked.
	Slow func(answered func() error) lease.Manager
}

// A Harness is what TestManager has to know of a manager.
type Harness struct {
	// Open returns a place without leases, or at least one that nobody else uses. It fails t if there is none. Called
	// for each check, and once before. Required.
	Open func(t testing.TB) Place

	// Length is how long a lease is whose end a check waits for. 0: the shortest that the manager's Limits allow, but
	// 500 ms at least.
	Length time.Duration

	// Age says that a manager takes a lease over that is long expired without having watched it before: the store
	// supplies Snapshot.Age, or expires leases by itself.
	Age bool

	// AcquireWrites is how many writes one acquisition sends. 0: one, as the managers of lease.NewManager.
	AcquireWrites int

	// Virtual runs each check in a testing/synctest bubble: for what does no real input or output.
	Virtual bool

	// Parallel is how many checks run at a time. 0: 16. Most of them wait for a lease to expire.
	Parallel int
}

// TestStore checks whether stores keep the contract of lease.Store. open returns a store on a place that nobody else
// uses; it is called for each check, and once before.
func TestStore(t *testing.T, open func(t testing.TB) lease.Store) {
	var have []feature
	if _, ok := open(t).(lease.Lister); ok {
		have = append(have, listing)
	}
	runAll(t, parallel, choose(t, storeChecks, have), func(t *testing.T, c check[lease.Store]) { c.run(t, open(t)) })
}

// TestManager checks whether managers keep the contract of lease.Manager and the rules of package lease. Checks that the
// place has no means for are left out, and the log names them.
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

// A feature is what a place may have or not, and a check may need.
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
		breaking: inspects && !errors.Is(lease.Break(t.Context(), m, lease.Info{Name: newName()}), errors.ErrUnsupported),
	} {
		if ok {
			have = append(have, f)
		}
	}
	return have
}

// A check is one thing to be found out about an S. It may run at the same time as others.
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

// runAll does not use t.Parallel: the checks wait more than they work, so the number of processors is no measure of how
// many of them may run at a time.
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
