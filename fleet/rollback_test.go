package fleet_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// forget deletes records, for the nodes.
func forget(nodes []*fleettest.Node, names ...string) {
	for _, n := range nodes {
		for _, name := range names {
			n.Store.Forget(name)
		}
	}
}

// slowly is a work that goes on for three lease lengths after its context has ended.
func slowly(ctx context.Context, _ string) error {
	<-ctx.Done()
	time.Sleep(3 * length)
	return nil
}

// until waits until something is so, for a lease length at most.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(interval / 100) {
		require.Less(t, time.Since(began), length, what)
	}
}

// F8: an old plan that stands counts for nothing: the node that has read a newer one reads no plan, and ends its session. It says why. When it
// coordinates itself, it goes on above the newest plan.
func TestDamage_AnOldPlanStands(t *testing.T) {
	inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
		old, err := lease.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		c := f.Join("c", fleettest.Wait)
		f.Settle()
		require.NoError(t, c.Leave())
		f.Settle()
		coordinator.Crash()
		for began := time.Now(); time.Since(began) < length+2*interval; time.Sleep(interval / 8) {
			overwrite(t, f, "ships", old.Value) // the coordinator's lease is kept, too
		}
		require.Empty(t, f.Loads())
		require.ErrorContains(t, other.Status().Err, "not of the chain")
		f.Settle()
		require.Equal(t, map[string]int{other.Name: 12}, f.Loads())
		f.Join(coordinator.Name, fleettest.Wait)
	})
}

// Everything is deleted, the office and the seats. A node remembers the newest plan, and goes on above it at once, however far that is: the
// tokens of parts grow.
func TestDamage_AllIsDeleted(t *testing.T) {
	tr := &troubles{}
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		require.NoError(t, fleet.Reset(t.Context(), f.Store(), "ships", 1000))
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		before := a.Status()
		require.Greater(t, before.Epoch, uint64(1000))
		names := []string{"ships"}
		for k := range 4 {
			names = append(names, "ships/seats/"+strconv.Itoa(k+1))
		}
		forget([]*fleettest.Node{a}, names...)
		until(t, "a new chain begins above the old one", func() bool { return a.Status().Epoch > before.Epoch })
		tr.require(t, "not of the chain")
		f.Settle()
		require.Equal(t, map[string]int{"a": 12}, f.Loads())
	}, tr.option())
}

// The plan that is lost had the list of a newer program, which is gone. The new chain takes the list of its coordinator, or no part would be
// anybody's for ever (F10).
func TestDamage_TheListOfANewerProgramIsLost(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		newer := f.Join("newer", fleettest.Wait, fleet.WithPartsVersion(5))
		f.Settle()
		b := f.Join("b", fleettest.Wait, fleet.WithPartsVersion(3))
		f.Settle()
		require.NoError(t, newer.Leave())
		f.Settle()
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.EqualValues(t, 5, o.Version)
		forget([]*fleettest.Node{b}, "ships")
		until(t, "a new chain begins", func() bool { return b.Status().Epoch > o.Epoch })
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
	})
}

// A seat's record is deleted with the office's, and its node is cut off. So the coordinator knows nothing of it. It works on for a lease length at
// most, and so long nobody else begins what it may have.
func TestDamage_ANodeThatNobodyKnows(t *testing.T) {
	inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
		forget([]*fleettest.Node{coordinator, other}, "ships", seatOf(other))
		other.Store.Set(leadertest.CutOff)
		epoch, begun := coordinator.Status().Epoch, f.Begun()
		until(t, "a new chain begins", func() bool { return coordinator.Status().Epoch > epoch })
		time.Sleep(length)
		require.Equal(t, begun, f.Begun())
		other.Store.Set(leadertest.None)
	})
}

// After a broken chain, a work that has not returned is waited for, though the new plan does not name its node: the seat says so.
func TestDamage_WorksThatGoOn(t *testing.T) {
	for what, fault := range map[string][]leadertest.Op{"its seat says so": nil, "its seat says nothing": {leadertest.Renew}} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				a, b := f.Join("a", slowly), f.Join("b", slowly)
				f.Settle()
				coordinator, other := a, b
				if b.Status().Coordinates {
					coordinator, other = b, a
				}
				forget([]*fleettest.Node{coordinator, other}, "ships")
				if len(fault) > 0 { // it reads the new plan late, and cannot say that it has
					epoch := coordinator.Status().Epoch
					other.Store.Set(leadertest.CutOff, leadertest.Acquire, leadertest.Inspect)
					until(t, "a new chain begins", func() bool { return coordinator.Status().Epoch > epoch })
					time.Sleep(length - interval)
					other.Store.Set(leadertest.None)
					other.Store.Set(leadertest.CutOff, fault...)
				}
				time.Sleep(2 * length)
				other.Store.Set(leadertest.None)
				f.Settle()
				require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
			})
		})
	}
}

// The list of parts comes late to the new chain, or it is another one at first and grows, and its order is new: still nobody begins what others have
// not stopped.
func TestDamage_TheListComesLate(t *testing.T) {
	all := []string{"p", "q", "r", "s"}
	for what, test := range map[string]struct {
		first []string // for so long after the record is gone
		late  time.Duration
	}{
		"late":               {late: 2 * length},
		"late, in doubt":     {late: length},
		"it grows":           {first: []string{"q"}, late: 2 * length},
		"it grows in doubt":  {first: []string{"q"}, late: length},
		"it has other parts": {first: []string{"x", "y"}, late: 2 * length},
	} {
		t.Run(what, func(t *testing.T) {
			withoutParts(t, func(t *testing.T, f *fleettest.Fleet) {
				var gone atomic.Int64
				list := fleet.WithPartsFrom(time.Second, func(context.Context) ([]string, error) {
					switch at := gone.Load(); {
					case at == 0:
						return all, nil
					case time.Since(time.Unix(0, at)) >= test.late:
						return append([]string{"o"}, all...), nil
					case test.first == nil:
						return nil, errors.New("the database is down")
					}
					return test.first, nil
				})
				a, b := f.Join("a", slowly, list), f.Join("b", slowly, list)
				f.Settle()
				require.Equal(t, map[string]int{"a": 2, "b": 2}, f.Loads())
				gone.Store(time.Now().UnixNano())
				forget([]*fleettest.Node{a, b}, "ships")
				f.Settle()
				require.Len(t, f.Where(), 5)
				require.Contains(t, f.Where(), "o")
			})
		})
	}
}

// beyondTheFirst starts six nodes, and returns those that are left when all but one in the first four seats have crashed: fewer than four seats
// would do.
func beyondTheFirst(f *fleettest.Fleet) (left []*fleettest.Node) {
	var all []*fleettest.Node
	for i := range 6 {
		all = append(all, f.Join("n"+strconv.Itoa(i), slowly))
	}
	f.Settle()
	first := false
	for _, n := range all {
		if n.Status().Seat > 4 || !first {
			left = append(left, n)
			first = first || n.Status().Seat <= 4
		} else {
			n.Crash()
		}
	}
	time.Sleep(3 * length)
	f.Settle()
	return left
}

// A new chain keeps the width that is remembered: nobody loses a seat for it.
func TestDamage_TheWidthIsRemembered(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		nodes := beyondTheFirst(f)
		seats := map[string]uint64{}
		for _, n := range nodes {
			seats[n.Name] = uint64(n.Status().Seat)<<32 + n.Status().Token
		}
		forget(nodes, "ships")
		f.Settle()
		require.Len(t, f.Where(), 12)
		for _, n := range nodes {
			require.Equal(t, seats[n.Name], uint64(n.Status().Seat)<<32+n.Status().Token, n.Name)
		}
	})
}

// A coordinator that remembers nothing does not look at seats beyond the first ones. The works of who sits there may do nothing any more once their
// node has read the new plan, since nobody waits for them.
func TestDamage_ASeatBeyondTheWidth(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		left := beyondTheFirst(f)
		for _, n := range left { // before they find the record gone
			n.Store.Set(leadertest.CutOff, leadertest.Acquire)
		}
		forget(left, "ships")
		store := leadertest.NewManager(f.Store())
		store.Forget("ships") // before the node reads it
		fresh := f.Join("fresh", fleettest.Wait, fleet.WithLeaseManager(store))
		until(t, "it coordinates", func() bool { return fresh.Status().Coordinates })
		for _, n := range left {
			n.Store.Set(leadertest.None)
		}
		f.Settle()
		require.Len(t, f.Where(), 12)
	})
}

// F2: a look at the plan is answered late, when a newer plan was read, or made, since it was sent. That is no edited record, and no trouble.
func TestDamage_ALateAnswerIsNone(t *testing.T) {
	tr := &troubles{}
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		join := func(name string) *fleettest.Node {
			return f.Join(name, fleettest.Wait, fleet.WithLeaseManager(belated{f.Store()}))
		}
		old := join("0")
		f.Settle()
		for i := range 8 { // a node comes, and the one that coordinates goes
			next := join(strconv.Itoa(i + 1))
			watch(t, next)
			require.Len(t, f.Loads(), 2)
			left := make(chan error, 1)
			go func() { left <- old.Leave() }()
			watch(t, next)
			require.NoError(t, <-left)
			require.True(t, next.Status().Coordinates)
			old = next
		}
		require.Empty(t, tr.all)
	}, tr.option())
}

// watch requires for ten intervals that a node understands the plan.
func watch(t *testing.T, n *fleettest.Node) {
	t.Helper()
	for range 200 {
		time.Sleep(interval / 20)
		require.NoError(t, n.Status().Err)
	}
}

// A belated manager's looks at the coordinator's office are answered when most of an interval has passed. Everything else is quick.
type belated struct{ lease.Manager }

func (m belated) Unwrap() lease.Manager { return m.Manager }

// Watch gives no hints: with them all would be over before the first look.
func (m belated) Watch(context.Context, string) (<-chan struct{}, error) {
	return nil, errors.ErrUnsupported
}

func (m belated) Inspect(ctx context.Context, name string) (lease.Info, error) {
	info, err := lease.Inspect(ctx, m.Manager, name)
	if name == "ships" {
		time.Sleep(interval * 3 / 4)
	}
	return info, err
}
