package fleet_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The store answers no more once Reset holds the office: it returns all the same.
func TestReset_TheStoreStopsAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := leadertest.NewManager(nil)
		m.Set(leadertest.Hang, leadertest.Renew, leadertest.Release)
		ctx, cancel := context.WithTimeout(t.Context(), interval)
		defer cancel()
		returned := make(chan error, 1)
		go func() { returned <- fleet.Reset(ctx, m, "ships", 41) }()
		time.Sleep(length)
		select {
		case err := <-returned:
			require.ErrorIs(t, err, context.DeadlineExceeded)
		default:
			t.Fatal("it has not returned")
		}
	})
}

// The caller waits no more once the new plan stands: the office is given back all the same, so that nodes which start then need not wait for it.
func TestReset_TheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := leadertest.NewManager(nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		require.NoError(t, fleet.Reset(ctx, renewing{m, cancel}, "ships", 41))
		office, err := lease.Inspect(t.Context(), m, "ships")
		require.NoError(t, err)
		require.Equal(t, lease.Free, office.State)
		require.Contains(t, office.Value, `"epoch":42`)
	})
}

// A renewing manager tells when a lease was renewed.
type renewing struct {
	lease.Manager
	renewed func()
}

func (m renewing) Unwrap() lease.Manager { return m.Manager }

func (m renewing) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	l, err := m.Manager.Renew(ctx, held)
	m.renewed()
	return l, err
}

// FS2: while Reset looks at the seats, a node comes, coordinates and leaves. Its plan has a greater epoch than the one that Reset has seen, which
// does not take its place: the tokens of the parts go on growing.
func TestReset_ANodeComesAndGoes(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		require.NoError(t, f.Join("a", fleettest.Wait).Leave())
		var between fleet.Overview
		m := looking{f.Store(), func(name string) {
			if name != fleet.SeatLease("ships", 4) {
				return
			}
			b := f.Join("b", fleettest.Wait)
			f.Settle()
			require.NoError(t, b.Leave())
			var err error
			between, err = fleet.Inspect(t.Context(), f.Store(), "ships")
			require.NoError(t, err)
		}}
		err := fleet.Reset(t.Context(), m, "ships", 0)
		require.ErrorIs(t, err, lease.ErrHeld)
		require.ErrorContains(t, err, "a node has published another plan meanwhile")
		now, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Equal(t, between.Epoch, now.Epoch)
		require.Equal(t, lease.Free, now.Coordinator.State)
		require.NoError(t, fleet.Reset(t.Context(), f.Store(), "ships", 0))
		f.Join("c", fleettest.Wait) // the fleet checks the tokens
		f.Settle()
		require.Equal(t, map[string]int{"c": 12}, f.Loads())
	})
}

// An ageless store does not tell how old a record is, as S3 does not.
type ageless struct {
	lease.Store
	lists bool
}

func (s ageless) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := s.Store.Load(ctx, name)
	snapshot.Age = 0
	return snapshot, err
}

func (s ageless) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if !s.lists {
			yield(lease.Cell{}, errors.ErrUnsupported)
			return
		}
		for c, err := range s.Store.(lease.Lister).List(ctx, prefix) {
			if c.Snapshot.Age = 0; !yield(c, err) {
				return
			}
		}
	}
}

// F4: a process that has just started cannot tell at once, where the store tells no ages, that the nodes are dead: it watches their leases,
// all at the same time.
func TestReset_AfterACrash(t *testing.T) {
	for _, lists := range []bool{true, false} {
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			nodes := []*fleettest.Node{f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)}
			f.Settle()
			before, err := fleet.Inspect(t.Context(), f.Store(), "ships")
			require.NoError(t, err)
			store, _ := lease.StoreOf(f.Store())
			fresh := func() lease.Manager { return lease.NewManager(ageless{store, lists}) }

			began := time.Now()
			require.ErrorIs(t, fleet.Reset(t.Context(), fresh(), "ships", 0), lease.ErrHeld, "they live")
			require.LessOrEqual(t, time.Since(began), interval+interval/2)

			for _, n := range nodes {
				n.Crash()
			}
			time.Sleep(10 * length)
			began = time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), length/2)
			defer cancel()
			require.ErrorIs(t, fleet.Reset(ctx, fresh(), "ships", 0), context.DeadlineExceeded)
			require.Equal(t, length/2, time.Since(began))

			began = time.Now()
			require.NoError(t, fleet.Reset(t.Context(), fresh(), "ships", 0))
			require.LessOrEqual(t, time.Since(began), length+interval)
			after, err := fleet.Inspect(t.Context(), f.Store(), "ships")
			require.NoError(t, err)
			require.Equal(t, before.Epoch+1, after.Epoch)
			require.Empty(t, after.Parts)
		})
	}
}

// What cannot be read proves nothing: somebody may be in a seat beyond those that a damaged plan is taken to have.
func TestReset_ASeatCannotBeRead(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		require.NoError(t, f.Join("a", fleettest.Wait).Leave())
		store, _ := lease.StoreOf(f.Store())
		_, err := store.Swap(t.Context(), fleet.SeatLease("ships", 7), "", []byte(`{"format":99}`))
		require.NoError(t, err)
		require.ErrorIs(t, fleet.Reset(t.Context(), f.Store(), "ships", 50), lease.ErrRecord)
	})
}

// A looking manager tells of each lease before it is looked at.
type looking struct {
	lease.Manager
	looks func(name string)
}

func (m looking) Unwrap() lease.Manager { return m.Manager }

func (m looking) Inspect(ctx context.Context, name string) (lease.Info, error) {
	m.looks(name)
	return lease.Inspect(ctx, m.Manager, name)
}

// A slow manager takes its time for each look.
type slow struct{ lease.Manager }

func (s slow) Unwrap() lease.Manager { return s.Manager }

func (s slow) Inspect(ctx context.Context, name string) (lease.Info, error) {
	time.Sleep(50 * time.Millisecond)
	return lease.Inspect(ctx, s.Manager, name)
}

// Reset looks at many seats at once, so that the fleet of thousand nodes can be reset, too.
func TestReset_OfManySeats(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var nodes []*fleettest.Node
		for range 2 * 32 {
			nodes = append(nodes, f.Join("a", fleettest.Wait))
		}
		f.Settle()
		for _, n := range nodes {
			go func() { _ = n.Leave() }()
		}
		f.Settle()
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.GreaterOrEqual(t, o.Width, 100)
		began := time.Now()
		require.NoError(t, fleet.Reset(t.Context(), slow{f.Store()}, "ships", 0))
		require.Less(t, time.Since(began), time.Second)
	})
}

// A noInspect manager cannot look at leases.
type noInspect struct{ lease.Manager }

func (n noInspect) Limits() lease.Limits { return lease.LimitsOf(n.Manager) }

// Without looks the coordinator would step down again and again: Run says at once that the manager is none for a fleet.
func TestRun_TheManagerCannotInspect(t *testing.T) {
	err := fleet.New(fleet.WithShards(1), fleet.WithLeaseManager(noInspect{memory.New()}), fleet.WhenAssigned(fleettest.Wait)).Validate()
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "no Inspect")
}
