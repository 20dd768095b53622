package lease_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// layer is a wrapper around a Manager that is nothing more.
type layer struct{ inner lease.Manager }

func (l layer) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	return l.inner.Acquire(ctx, r)
}
func (l layer) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	return l.inner.Renew(ctx, held)
}
func (l layer) Release(ctx context.Context, held lease.Lease) error {
	return l.inner.Release(ctx, held)
}
func (l layer) Unwrap() lease.Manager { return l.inner }

// bare is a Manager without any of the optional methods.
type bare struct{ layer }

func (bare) Unwrap() lease.Manager { return nil }

// whole is a store with all the optional methods.
type whole struct {
	*memory.Store
	closed *int
}

func (whole) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

func (w whole) Close() error {
	*w.closed++
	return errDown
}

func TestWrappersHideNothing(t *testing.T) {
	closed := 0
	inner := lease.NewManager(whole{memory.NewStore(), &closed})
	for depth, m := range []lease.Manager{inner, layer{inner}, layer{layer{inner}}} {
		require.Equal(t, lease.Limits{WriteEvery: time.Second, MaxValue: 48 << 10}, lease.LimitsOf(m))
		info, err := lease.Inspect(t.Context(), m, "never taken")
		require.NoError(t, err)
		require.Equal(t, lease.Info{Name: "never taken", State: lease.Free}, info)

		acquired := fmt.Sprint(depth)
		_, err = m.Acquire(t.Context(), lease.Request{Name: acquired, Holder: "w", Length: length})
		require.NoError(t, err)
		var names []string
		for info, err := range lease.List(t.Context(), m, acquired) {
			require.NoError(t, err)
			require.Equal(t, lease.Held, info.State)
			names = append(names, info.Name)
		}
		require.Equal(t, []string{acquired}, names)

		require.ErrorIs(t, lease.Close(m), errDown)
		require.Equal(t, depth+1, closed)
	}
}

func TestUnsupported(t *testing.T) {
	none := bare{layer{lease.NewManager(memory.NewStore())}}
	for _, m := range []lease.Manager{none, layer{none}, layer{layer{none}}} {
		require.Zero(t, lease.LimitsOf(m))
		_, err := lease.Inspect(t.Context(), m, name)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorIs(t, lease.Close(m), errors.ErrUnsupported)
		require.Equal(t, []error{errors.ErrUnsupported}, listErrors(lease.List(t.Context(), m, "")))
	}
	m := lease.NewManager(struct{ lease.Store }{memory.NewStore()}) // it can neither list nor be closed
	require.Equal(t, []error{errors.ErrUnsupported}, listErrors(lease.List(t.Context(), m, "")))
	require.Equal(t, lease.Limits{MaxValue: 48 << 10}, lease.LimitsOf(m), "the record has room for a value")
	require.NoError(t, lease.Close(m), "there is nothing to give up")
}

// listErrors returns the errors of a list; errors.ErrUnsupported stands for each error that wraps it.
func listErrors(list iter.Seq2[lease.Info, error]) (errs []error) {
	for _, err := range list {
		if errors.Is(err, errors.ErrUnsupported) {
			err = errors.ErrUnsupported
		}
		errs = append(errs, err)
	}
	return errs
}

// listing is a store that lists what it is told to.
type listing struct {
	lease.Store
	cells []lease.Cell
	err   error
}

func (l listing) List(context.Context, string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for _, c := range l.cells {
			if !yield(c, nil) {
				return
			}
		}
		if l.err != nil {
			yield(lease.Cell{}, l.err)
		}
	}
}

func (listing) String() string { return "listing" }

func TestListGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), memory.NewStore())
		n.mustAcquire(t)
		good, err := n.store.Load(t.Context(), name)
		require.NoError(t, err)
		m := lease.NewManager(listing{cells: []lease.Cell{
			{Name: "unreadable", Err: errDown},
			{Name: "garbage", Snapshot: lease.Snapshot{Version: "1", Data: []byte("garbage")}},
			{Name: name, Snapshot: good},
			{Name: "missing by now"},
		}, err: errors.New("page 2 is missing")})

		var infos []lease.Info
		var last error
		for info, err := range lease.List(t.Context(), m, "o") {
			if last = err; err == nil {
				infos = append(infos, info)
			}
		}
		require.EqualError(t, last, `listing: list leases "o": page 2 is missing`)
		require.Len(t, infos, 4)
		require.EqualError(t, infos[0].Err, `listing: list lease "unreadable": store is down`)
		require.ErrorIs(t, infos[1].Err, lease.ErrRecord)
		for i, broken := range []string{"unreadable", "garbage"} {
			infos[i].Err = nil
			require.Equal(t, lease.Info{Name: broken}, infos[i], "nothing else is set")
		}
		require.Equal(t, lease.Held, infos[2].State)
		require.Equal(t, lease.Info{Name: "missing by now"}, infos[3])

		for range lease.List(t.Context(), m, "") {
			break // and nothing is yielded after it
		}
	})
}

func TestInfoIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), memory.NewStore())
		attributes := map[string]string{"address": "10.0.0.1"}
		l, err := n.manager.Acquire(t.Context(), lease.Request{Name: name, Holder: "w", Length: length, Attributes: attributes})
		require.NoError(t, err)
		require.Equal(t, attributes, l.Attributes)
		l.Attributes["address"] = "changed"
		require.Equal(t, "10.0.0.1", attributes["address"])

		time.Sleep(time.Second)
		l.Attributes["address"] = "10.0.0.2"
		_, err = n.renew(l)
		require.NoError(t, err)
		time.Sleep(time.Second)
		info := n.stored(t)
		require.Equal(t, lease.Info{
			Name: name, State: lease.Held, Holder: "w", ID: l.ID, Token: 1, Length: length, Version: info.Version,
			Attributes: map[string]string{"address": "10.0.0.2"},
			Acquired:   time.Now().Add(-2 * time.Second).UTC(), Renewed: time.Now().Add(-time.Second).UTC(),
			RetryAfter: length,
		}, info)
	})
}

func TestFind(t *testing.T) {
	inner := bare{layer{lease.NewManager(memory.NewStore())}}
	found, ok := lease.Find[bare](layer{layer{inner}})
	require.True(t, ok)
	require.Equal(t, inner, found)
	_, ok = lease.Find[lease.Closer](inner)
	require.False(t, ok, "its Unwrap returns nil")
	_, ok = lease.Find[lease.Closer](nil)
	require.False(t, ok)
	_, ok = lease.Find[lease.Limiter](layer{(*memory.Manager)(nil)})
	require.False(t, ok, "a nil pointer is no manager")
}
