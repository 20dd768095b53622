package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// valued is a lease with a value.
func valued(t testing.TB, m lease.Manager, name, holder, value string, length time.Duration) lease.Lease {
	t.Helper()
	l, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: holder, Length: length})
	require.NoError(t, err)
	l.Value, l.ValueNumber = value, l.ValueNumber+1
	l, err = m.Renew(t.Context(), l)
	require.NoError(t, err)
	return l
}

func TestValueShow(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	valued(t, s, "a", "one", "two\nlines \x1b[2J", time.Hour)
	o := s.run(t, "value", "show", "a")
	require.Equal(t, commandtest.Outcome{Out: "two\nlines \x1b[2J"}, o, "byte by byte")
	s.run(t, "value", "show", "never").Want(t, exitNone, `lease "never" has no value`)
	s.acquire(t, "none", "one", time.Hour, nil)
	s.run(t, "value", "show", "none").Want(t, exitNone, `lease "none" has no value`)
}

// Other commands say that there is a value, and do not show it.
func TestValueIsNotShownElsewhere(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	valued(t, s, "a", "one", "confidential", time.Hour)
	require.Contains(t, s.run(t, "status", "a").Out, "\n  value         12 bytes, which leader value show prints\n")
	for _, args := range [][]string{{"status", "a"}, {"status", "a", "--json"}, {"list"}, {"list", "--json"}, {"break", "a"}, {"value", "clear", "a"}, {"value", "clear", "a", "--yes"}} {
		o := s.run(t, args...)
		require.NotContains(t, o.Out+o.Err, "confidential", args)
		if args[len(args)-1] == "--json" {
			require.Equal(t, 12, decodeJSON[entry](t, o.Out).ValueBytes)
		}
	}
	watch := spawn.Start(t, commandtest.Command(t, "watch", "a", "--json", "--store", s.url))
	require.NotContains(t, watch.Line(), "confidential")
}

func TestValueClear(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	l := valued(t, s, "a", "node-1", "x", time.Hour)
	before := s.inspect(t, "a")
	s.run(t, "value", "clear", "a", "--yes").Want(t, exitFailed, `nothing was cleared: lease "a" is held by "node-1" with token 1: stop it first`)
	require.Equal(t, before.Version, s.inspect(t, "a").Version)

	require.NoError(t, s.Release(t.Context(), l))
	o := s.run(t, "value", "clear", "a")
	o.Want(t, exitUsage, "give --yes to remove the value")
	require.Equal(t, "x", s.inspect(t, "a").Value)
	o = s.run(t, "value", "clear", "a", "--yes")
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "Cleared. The lease is free, and has no value.\n")
	now := s.inspect(t, "a")
	require.Equal(t, []any{lease.Free, "", uint64(2)}, []any{now.State, now.Value, now.Token})
	require.Contains(t, s.content(t, "a"), `"format":1`, "a program that does not know values can take it")

	for _, name := range []string{"a", "never"} {
		version := s.inspect(t, name).Version
		o = s.run(t, "value", "clear", name, "--yes")
		o.Want(t, 0, "")
		require.Contains(t, o.Out, "The lease has no value: there is nothing to clear.")
		require.Equal(t, version, s.inspect(t, name).Version)
	}
}

// A holder that is gone keeps nobody waiting for longer than its lease; a broken lease runs out as well.
func TestValueClearWaits(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	valued(t, s, "gone", "node-1", "x", time.Second)
	valued(t, s, "broken", "node-1", "x", time.Second)
	require.NoError(t, lease.Break(t.Context(), s, s.inspect(t, "broken")))
	for _, name := range []string{"gone", "broken"} {
		o := s.run(t, "value", "clear", name, "--yes", "--wait")
		o.Want(t, 0, "")
		require.Empty(t, s.inspect(t, name).Value)
	}
	valued(t, s, "broken", "node-1", "x", time.Hour)
	require.NoError(t, lease.Break(t.Context(), s, s.inspect(t, "broken")))
	s.run(t, "value", "clear", "broken", "--yes").Want(t, exitFailed, "the lease is broken, and not over yet")
}

// flaky is a manager whose renewals and releases go wrong.
type flaky struct {
	lease.Manager
	renew, release error
	limits         lease.Limits
	sent           []time.Time // of each write
}

func (f *flaky) Limits() lease.Limits { return f.limits }

func (f *flaky) Unwrap() lease.Manager { return f.Manager }

func (f *flaky) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	f.sent = append(f.sent, time.Now())
	return f.Manager.Acquire(ctx, req)
}

func (f *flaky) Renew(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	f.sent = append(f.sent, time.Now())
	if f.renew != nil {
		return lease.Lease{}, f.renew
	}
	return f.Manager.Renew(ctx, l)
}

func (f *flaky) Release(ctx context.Context, l lease.Lease) error {
	f.sent = append(f.sent, time.Now())
	if f.release != nil {
		return f.release
	}
	return f.Manager.Release(ctx, l)
}

func TestValueClearOnAStoreThatFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, test := range map[string]struct {
		renew, release error
		says           string // empty: it is cleared
		left           string
	}{
		"nothing fails":    {nil, nil, "", ""},
		"the renewal":      {down, nil, "", ""},
		"the release":      {nil, down, "the value is removed, but the lease is not released, and runs out in 15s: down", ""},
		"both":             {down, down, "the value may be removed or not", "x"},
		"it is lost again": {&lease.LostError{Name: "a"}, &lease.LostError{Name: "a"}, "the value may be removed or not", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flaky{Manager: memory.New(), limits: lease.Limits{MaxValue: 1 << 10, WriteEvery: time.Second}}
				require.NoError(t, f.Manager.Release(t.Context(), valued(t, f.Manager, "a", "one", "x", time.Minute)))
				f.renew, f.release = test.renew, test.release
				var out bytes.Buffer
				err := (&app{out: &out, err: &out}).clearValue(t.Context(), &store.Store{Manager: f}, "a", true, false)
				if test.says == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, test.says)
				}
				info, err := lease.Inspect(t.Context(), f.Manager, "a")
				require.NoError(t, err)
				require.Equal(t, test.left, info.Value)
				require.Len(t, f.sent, 3)
				for i := range 2 {
					require.GreaterOrEqual(t, f.sent[i+1].Sub(f.sent[i]), time.Second, "a lease is written once in WriteEvery")
				}
			})
		})
	}
}

// What has become the value since the user saw it is not removed.
func TestValueClearOfAnother(t *testing.T) {
	t.Parallel()
	m := memory.New()
	require.NoError(t, m.Release(t.Context(), valued(t, m, "a", "one", "x", time.Minute)))
	s := &store.Store{Manager: m}
	seen, err := s.Inspect(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), valued(t, m, "a", "two", "y", time.Minute)))
	require.ErrorContains(t, (&app{}).clear(t.Context(), s, seen), "another node has changed the value meanwhile")
	now, err := s.Inspect(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, []any{lease.Free, "y"}, []any{now.State, now.Value})
	valued(t, m, "a", "three", "z", time.Minute)
	err = (&app{}).clear(t.Context(), s, seen)
	require.ErrorIs(t, err, lease.ErrHeld)
	require.ErrorContains(t, err, `nothing was cleared: lease "a" is held by "three"`)
}

// A manager whose leases have no room for a value, and none for a checkpoint beside them.
func TestStoresThatKeepLeasesAlone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &out}
	s := &store.Store{Manager: struct{ lease.Manager }{memory.New()}}
	for does, err := range map[string]error{
		"its leases keep no values":     a.showValue(t.Context(), s, "a"),
		"its leases keep no values:":    a.clearValue(t.Context(), s, "a", true, false),
		"this store keeps leases alone": a.showCheckpoint(t.Context(), s, "a", false),
		"use one that keeps":            a.setCheckpoint(t.Context(), s, "a", "1", owner{lease: "a"}, true),
	} {
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, does)
	}
}
