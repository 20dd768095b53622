package lease_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// What is forgotten does not run, and nothing else changes.
func TestTermBeforeEnd_Forget(t *testing.T) {
	ctx, keeper := lease.StartTerm(t.Context(), lease.Lease{Name: "orders", Token: 1, Length: time.Hour}, lease.Now(t.Context()))
	defer keeper.End(nil)
	var ran []string
	var forget []func()
	add := func(name string, also func()) {
		stop, ok := keeper.Term().BeforeEnd(func(context.Context) {
			ran = append(ran, name)
			also()
		})
		require.True(t, ok)
		forget = append(forget, stop)
	}
	nothing := func() {}
	add("a", nothing)
	add("b", nothing)
	add("c", func() { forget[1]() }) // while it runs
	add("d", func() { forget[3]() }) // itself
	add("e", nothing)
	require.True(t, lease.BeforeEnd(ctx, func(context.Context) { ran = append(ran, "f") }))
	forget[4]()
	forget[4]()
	keeper.BeforeEnd(t.Context())
	require.Equal(t, []string{"f", "d", "c", "a"}, ran)
	require.False(t, keeper.HasBeforeEnd())
	for _, f := range slices.Backward(forget) {
		f()
	}

	add("g", nothing)
	forget[0]() // is over, and no other's
	require.True(t, keeper.HasBeforeEnd())
	forget[5]()
	require.False(t, keeper.HasBeforeEnd())
	keeper.End(nil)
	stop, ok := keeper.Term().BeforeEnd(func(context.Context) { t.Error("it runs after the end") })
	require.False(t, ok)
	stop()
	_, ok = lease.Term{}.BeforeEnd(func(context.Context) {})
	require.False(t, ok)
}

// The term keeps nothing of what was forgotten, or has run.
func TestTermBeforeEnd_KeepsNothing(t *testing.T) {
	_, keeper := lease.StartTerm(t.Context(), lease.Lease{Name: "orders", Token: 1, Length: time.Hour}, lease.Now(t.Context()))
	defer keeper.End(nil)
	add := func() (weak.Pointer[[1 << 10]int], func()) {
		held := new([1 << 10]int)
		stop, _ := keeper.Term().BeforeEnd(func(context.Context) { held[0]++ })
		return weak.Make(held), stop
	}
	forgotten, stop := add()
	stop()
	run, _ := add()
	runtime.GC()
	require.NotNil(t, run.Value())
	keeper.BeforeEnd(t.Context())
	runtime.GC()
	require.True(t, forgotten.Value() == nil, "forgotten")
	require.True(t, run.Value() == nil, "run")
	runtime.KeepAlive(keeper)
}

// Nothing to do is not registered: what was registered before it still runs.
func TestBeforeEnd_Nil(t *testing.T) {
	ctx, keeper := lease.StartTerm(t.Context(), lease.Lease{Name: "orders", Token: 1, Length: time.Hour}, lease.Now(t.Context()))
	defer keeper.End(nil)
	ran := false
	require.True(t, lease.BeforeEnd(ctx, func(context.Context) { ran = true }))
	require.False(t, lease.BeforeEnd(ctx, nil))
	keeper.BeforeEnd(t.Context())
	require.True(t, ran)
}
