package checkpoint_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

func TestList(t *testing.T) {
	p := newPlace(t)
	ctx, _ := p.term(3)
	for name, value := range map[string]any{"orders-a": 1, "orders-b": "no number", "bills": nil} {
		cp, err := checkpoint.Open[any](ctx, p.manager(), name)
		require.NoError(t, err)
		if value != nil {
			require.NoError(t, cp.Save(ctx, value))
		}
	}
	_, err := p.store.Store.Swap(ctx, lease.CheckpointPrefix+"orders-c", "", []byte("nonsense"))
	require.NoError(t, err)
	_, err = p.manager().Acquire(ctx, lease.Request{Name: "orders", Holder: "h", Length: 1e9})
	require.NoError(t, err)

	m := lease.NewManager(p.store.Store)
	found := map[string]checkpoint.Info[int]{}
	for info, err := range checkpoint.List[int](ctx, m, "") {
		require.NoError(t, err)
		found[info.Name] = info
	}
	require.Equal(t, []string{"bills", "orders-a", "orders-b", "orders-c"}, slices.Sorted(maps.Keys(found)))
	for _, name := range []string{"bills", "orders-a"} {
		want, err := checkpoint.Inspect[int](ctx, m, name)
		require.NoError(t, err)
		require.Equal(t, want, found[name])
	}
	for _, name := range []string{"orders-b", "orders-c"} {
		require.ErrorIs(t, found[name].Err, lease.ErrRecord)
		require.ErrorContains(t, found[name].Err, `memory: list checkpoint "`+name+`": `)
		require.Equal(t, checkpoint.Info[int]{Name: name, Err: found[name].Err}, found[name])
	}
	for info, err := range checkpoint.List[any](ctx, m, "orders-") {
		require.NoError(t, err)
		require.Contains(t, info.Name, "orders-")
		break // it may be left early
	}
	for _, none := range []lease.Manager{struct{ lease.Manager }{m}, lease.NewManager(struct{ lease.Store }{p.store.Store})} {
		for _, err := range checkpoint.List[any](ctx, none, "") {
			require.ErrorIs(t, err, errors.ErrUnsupported)
		}
	}
}
