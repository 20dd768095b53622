package leadertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
	"github.com/cloudlease/leader/lease/memory"
)

// Without faults its store is one like any other.
func TestStoreKeepsTheRules(t *testing.T) {
	t.Parallel()
	leasetest.TestStore(t, func(testing.TB) lease.Store {
		store, ok := lease.StoreOf(leadertest.NewManager(leadertest.NewManager(nil)))
		require.True(t, ok)
		return store
	})
}

// The faults hit what a program keeps beside its leases, too.
func TestFaultsOfCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := memory.New()
		m := leadertest.NewManager(below)
		ctx, lose := leadertest.Context(t, 7)
		cp, err := checkpoint.Open[int](ctx, m, "cp")
		require.NoError(t, err)
		require.NoError(t, cp.Save(ctx, 1))
		stored := func(m lease.Manager) int {
			info, err := checkpoint.Inspect[int](t.Context(), m, "cp")
			require.NoError(t, err)
			return info.Value
		}

		m.Set(leadertest.CutOff)
		require.ErrorIs(t, cp.Save(ctx, 2), leadertest.ErrFault)
		_, err = checkpoint.Inspect[int](ctx, m, "cp")
		require.ErrorIs(t, err, leadertest.ErrFault)
		for _, err := range checkpoint.List[int](ctx, m, "") {
			require.ErrorIs(t, err, leadertest.ErrFault)
		}
		require.Equal(t, 1, stored(below))

		m.Set(leadertest.None)
		m.Set(leadertest.LoseAnswers, leadertest.Swap)
		require.NoError(t, cp.Save(ctx, 3), "a look shows that it is stored")
		m.Set(leadertest.LoseAnswers, leadertest.Load)
		require.ErrorContains(t, cp.Save(ctx, 4), "could not be read whether it is stored")
		m.Set(leadertest.None)
		require.Equal(t, 4, stored(m))

		m.Set(leadertest.Hang, leadertest.Swap)
		impatient, end := context.WithTimeout(ctx, time.Second)
		defer end()
		require.ErrorIs(t, cp.Save(impatient, 5), leadertest.ErrFault)
		m.Set(leadertest.None)
		require.Equal(t, 4, stored(m))
		require.NoError(t, cp.Save(ctx, 6))

		m.Forget("checkpoints/cp")
		require.Zero(t, stored(m))
		require.Equal(t, 6, stored(below))
		require.ErrorContains(t, cp.Save(ctx, 7), `there is no checkpoint "cp" any more`)
		_, err = checkpoint.Open[int](ctx, m, "cp")
		require.NoError(t, err)
		var listed []string
		for info, err := range checkpoint.List[int](ctx, m, "c") {
			require.NoError(t, err)
			require.NoError(t, info.Err)
			listed = append(listed, info.Name)
		}
		require.Equal(t, []string{"cp"}, listed)
		lose(nil)
	})
}

// plain is a manager that has no store, no place and no wishes.
type plain struct{ lease.Manager }

func TestOnAManagerWithoutAStore(t *testing.T) {
	m := leadertest.NewManager(plain{memory.New()})
	_, err := checkpoint.Inspect[int](t.Context(), m, "cp")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, checkpoint.Reset(t.Context(), m, "cp", 1, checkpoint.For("orders", 0)), errors.ErrUnsupported)
	for _, err := range checkpoint.List[int](t.Context(), m, "") {
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	require.NoError(t, lease.FindPlace(t.Context(), m))
	_, err = lease.MakePlace(t.Context(), m, "")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, lease.Ask(t.Context(), m, lease.Info{Name: "orders"}, lease.Wish{Kind: "x"}), errors.ErrUnsupported)
}

// seeker is a store that knows whether its place is there, and makes it.
type seeker struct {
	lease.Store
	asked int
}

func (s *seeker) FindPlace(context.Context) error {
	s.asked++
	return &lease.MisconfiguredError{Advice: "make it"}
}

func (s *seeker) MakePlace(context.Context, string) (bool, error) {
	s.asked++
	return true, nil
}

func TestFaultsOfPlaces(t *testing.T) {
	store := &seeker{Store: memory.NewStore()}
	m := leadertest.NewManager(lease.NewManager(store))
	require.ErrorIs(t, lease.FindPlace(t.Context(), m), lease.ErrMisconfigured)
	made, err := lease.MakePlace(t.Context(), m, "")
	require.NoError(t, err)
	require.True(t, made)
	for fault, asked := range map[leadertest.Fault]int{leadertest.CutOff: 0, leadertest.LoseAnswers: 2} {
		store.asked = 0
		m.Set(fault)
		err := lease.FindPlace(t.Context(), m)
		require.ErrorIs(t, err, leadertest.ErrFault)
		require.NotErrorIs(t, err, lease.ErrMisconfigured)
		made, err := lease.MakePlace(t.Context(), m, "")
		require.ErrorIs(t, err, leadertest.ErrFault)
		require.False(t, made)
		require.Equal(t, asked, store.asked)
	}
}

// A wish is about the lease as this Manager's callers see it.
func TestAskAfterForget(t *testing.T) {
	m := leadertest.NewManager(nil)
	take := func(holder string) lease.Info {
		acquire(t, m, holder)
		info, err := lease.Inspect(t.Context(), m, "orders")
		require.NoError(t, err)
		return info
	}
	before := take("a")
	m.Forget("orders")
	err := lease.Ask(t.Context(), m, before, handover)
	require.EqualError(t, err, `lease "orders": nobody holds it, so there is nobody to ask`)
	refused, ok := errors.AsType[*lease.RefusedError](err)
	require.True(t, ok)
	require.Equal(t, []string{"orders", "orders"}, []string{refused.Name, refused.Now.Name})

	seen := take("a")
	require.EqualError(t, lease.Ask(t.Context(), m, before, handover), `lease "orders" is held by "a" with token 1`)
	require.EqualError(t, lease.Withdraw(t.Context(), m, before), `lease "orders" is held by "a" with token 1`)
	require.NoError(t, lease.Ask(t.Context(), m, seen, handover))
	seen, err = lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	require.Equal(t, lease.WishAsked, seen.Wish.State)
	require.NoError(t, lease.Withdraw(t.Context(), m, seen))
}

// A name that is as long as a name may be can be forgotten, too, and is told from others that begin as it does.
func TestForgetALongName(t *testing.T) {
	m := leadertest.NewManager(nil)
	names := []string{
		strings.Repeat("n", 230), strings.Repeat("n", 250), strings.Repeat("n", lease.MaxName), strings.Repeat("n", 254) + "m",
		strings.Repeat("é", 127), strings.Repeat("é", 126) + "xyz", "x" + strings.Repeat("é", 127),
	}
	for range 12 {
		for _, name := range names {
			m.Forget(name)
			info, err := lease.Inspect(t.Context(), m, name)
			require.NoError(t, err)
			require.Equal(t, lease.Info{Name: name, State: lease.Free}, info)
			held, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: "a", Length: length})
			require.NoError(t, err)
			require.EqualValues(t, 1, held.Token)
			require.NoError(t, renewal(t, m, held))
		}
	}
	for _, prefix := range []string{"", "n", strings.Repeat("n", 240), strings.Repeat("n", 254), "é", strings.Repeat("é", 110), strings.Repeat("é", 126) + "x"} {
		var listed, want []string
		for info, err := range lease.List(t.Context(), m, prefix) {
			require.NoError(t, err)
			listed = append(listed, info.Name)
		}
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		slices.Sort(listed)
		slices.Sort(want)
		require.Equal(t, want, listed)
	}
	long := strings.Repeat("n", lease.MaxName+1)
	m.Forget(long)
	_, err := m.Acquire(t.Context(), lease.Request{Name: long, Holder: "a", Length: length})
	require.ErrorIs(t, err, lease.ErrInvalid, "a name that none can be stays one")
}
