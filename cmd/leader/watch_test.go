package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

// A sighting is a line of watch --json.
type sighting struct {
	Change string `json:"change"`
	entry
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	watch := spawn.Start(t, commandtest.Command(t, "watch", "a", "--store", s.url, "--every", "10ms", "--json", "-v"))
	next := func() []any {
		seen := decodeJSON[sighting](t, watch.Line())
		require.Equal(t, "a", seen.Name)
		return []any{seen.Change, seen.State, seen.Holder, seen.Token}
	}
	require.Equal(t, []any{"found", free, "", uint64(0)}, next())

	l := s.heed(t, "a", "one", time.Hour)
	require.Equal(t, []any{"taken", held, "one", uint64(1)}, next())

	l, err := s.Renew(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, []any{"renewed", held, "one", uint64(1)}, next())

	l.Attributes = map[string]string{"k": "v"}
	l, err = s.Renew(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, []any{"updated", held, "one", uint64(1)}, next())

	seen, err := lease.Inspect(t.Context(), s, "a")
	require.NoError(t, err)
	require.NoError(t, lease.Ask(t.Context(), s, seen, lease.Wish{Kind: lease.WishHandover, For: "two", By: "me"}))
	require.Equal(t, []any{"asked", held, "one", uint64(1)}, next())
	seen, err = lease.Inspect(t.Context(), s, "a")
	require.NoError(t, err)
	require.NoError(t, lease.Withdraw(t.Context(), s, seen))
	require.Equal(t, []any{"withdrawn", held, "one", uint64(1)}, next())
	l, err = s.Renew(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, []any{"renewed", held, "one", uint64(1)}, next())

	require.NoError(t, s.Release(t.Context(), l))
	require.Equal(t, []any{"released", free, "one", uint64(1)}, next())

	s.acquire(t, "a", "two", 3*time.Second, nil)
	require.Equal(t, []any{"taken", held, "two", uint64(2)}, next())
	require.Equal(t, []any{"expired", expired, "two", uint64(2)}, next())

	s.acquire(t, "a", "three", time.Hour, nil)
	require.Equal(t, []any{"taken over", held, "three", uint64(3)}, next())

	seen, err = lease.Inspect(t.Context(), s, "a")
	require.NoError(t, err)
	require.NoError(t, lease.Break(t.Context(), s, seen))
	require.Equal(t, []any{"broken", broken, "nobody", uint64(4)}, next())

	path := filepath.Join(s.dir, "lease-a.json")
	record, err := os.ReadFile(path)
	require.NoError(t, err)
	replace := func(content []byte) {
		temp := filepath.Join(s.dir, "temp")
		require.NoError(t, os.WriteFile(temp, content, 0o600))
		require.NoError(t, os.Rename(temp, path))
	}
	replace([]byte("buy milk\n"))
	require.Equal(t, []any{unreadable, unreadable, "", uint64(0)}, next())
	replace(record)
	require.Equal(t, []any{"found", broken, "nobody", uint64(4)}, next())

	require.NoError(t, os.Remove(path))
	require.Equal(t, []any{"gone", free, "", uint64(0)}, next())
}

// For people, a line each, and renewals only if asked for: of ten renewals, as many looks see some.
// In a directory, changes are seen at once, however seldom watch looks.
func TestWatchIsWoken(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	watch := spawn.Start(t, commandtest.Command(t, "watch", "a", "--store", s.url, "--every", "30s", "--json"))
	require.Equal(t, "found", decodeJSON[sighting](t, watch.Line()).Change)
	began := time.Now()
	l := s.acquire(t, "a", "one", time.Hour, nil)
	require.Equal(t, "taken", decodeJSON[sighting](t, watch.Line()).Change)
	require.NoError(t, s.Release(t.Context(), l))
	require.Equal(t, "released", decodeJSON[sighting](t, watch.Line()).Change)
	require.Less(t, time.Since(began), 20*time.Second)
}

func TestWatchForPeople(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	all := spawn.Start(t, commandtest.Command(t, "watch", "a", "-v", "--store", s.url, "--every", "10ms"))
	all.Line()
	watch := spawn.Start(t, commandtest.Command(t, "watch", "--name", "a", "--store", s.url, "--every", "10ms"))
	require.Equal(t, "TIME  found       never taken", steady(watch.Line()))
	l, err := s.Acquire(t.Context(), lease.Request{Name: "a", Holder: "one", Length: time.Hour, Attributes: map[string]string{"k": "v"},
		Heeds: []string{lease.WishHandover}})
	require.NoError(t, err)
	require.Equal(t, "TIME  taken       held  holder one  token 1  up to TIME  k=v", steady(watch.Line()))
	all.Line()
	for range 10 {
		l, err = s.Renew(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, "TIME  renewed     held  holder one  token 1  up to TIME  k=v", steady(all.Line()))
	}
	seen, err := lease.Inspect(t.Context(), s, "a")
	require.NoError(t, err)
	require.NoError(t, lease.Ask(t.Context(), s, seen, lease.Wish{Kind: lease.WishHandover, For: "two", By: "me"}))
	require.Equal(t, `TIME  asked       held  holder one  token 1  up to TIME  k=v  handover to "two", asked by "me": asked`, steady(watch.Line()))
	require.NoError(t, s.Release(t.Context(), l))
	require.Equal(t, "TIME  released    free  holder one  token 1", steady(watch.Line()))
}

// A lease that cannot be read at all is an error; one that is not a lease may come to be one.
func TestWatchBegins(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	watch := spawn.Start(t, commandtest.Command(t, "watch", "notes", "--store", s.url, "--json"))
	require.Equal(t, unreadable, decodeJSON[sighting](t, watch.Line()).Change)

	commandtest.End(t, commandtest.Command(t, "watch", "--store", s.url+"/lease-held.json")).Want(t, exitFailed, "move the file away")
	commandtest.End(t, commandtest.Command(t, "watch", "a\nb", "--store", s.url)).Want(t, exitUsage, "control character")
}

func TestChangeOf(t *testing.T) {
	t.Parallel()
	one := lease.Info{State: lease.Held, ID: "1", Token: 1, Version: "v1"}
	of := func(i lease.Info, change func(*lease.Info)) lease.Info {
		change(&i)
		return i
	}
	over := of(one, func(i *lease.Info) { i.State = lease.Expired })
	back := of(one, func(i *lease.Info) { i.State, i.Version = lease.Free, "v2" })
	other := lease.Info{State: lease.Held, ID: "2", Token: 2, Version: "v3"}
	never := lease.Info{}
	wish := func(version lease.Version, state lease.WishState, to string) lease.Info {
		return of(one, func(i *lease.Info) {
			i.Version, i.Wish = version, lease.Wish{Kind: lease.WishHandover, For: to, State: state}
		})
	}
	for _, test := range []struct {
		before, now lease.Info
		want        string
	}{
		{one, one, ""}, {over, over, ""}, {back, back, ""}, {never, never, ""},
		{one, other, "taken over"}, {over, other, "taken over"}, {back, other, "taken"}, {never, other, "taken"},
		{one, over, "expired"}, {one, back, "released"}, {over, back, "released"},
		{over, one, "renewed"}, // by a holder that came back late
		{one, of(other, func(i *lease.Info) { i.State = lease.Free }), "released"},
		{back, of(other, func(i *lease.Info) { i.State = lease.Free }), "released"}, // a whole term between two looks
		{one, of(other, func(i *lease.Info) { i.State = lease.Expired }), "expired"},
		{one, of(one, func(i *lease.Info) { i.State, i.HoldAtLeast = lease.Expired, 1 }), "left"},
		{one, never, "gone"}, {back, never, "gone"},
		{one, wish("v2", lease.WishAsked, "b"), "asked"}, // by somebody, while the holder may be dying
		{wish("v2", lease.WishAsked, "b"), wish("v3", lease.WishWithdrawn, "b"), "withdrawn"},
		{one, wish("v3", lease.WishWithdrawn, "b"), "withdrawn"}, // and asked between two looks
		{wish("v3", lease.WishWithdrawn, "b"), wish("v4", lease.WishAsked, "c"), "asked"},
		{wish("v2", lease.WishAsked, "b"), wish("v3", lease.WishBegun, "b"), "renewed"}, // which has found it
		{wish("v3", lease.WishBegun, "b"), wish("v4", lease.WishBegun, "b"), "renewed"},
		{wish("v3", lease.WishWithdrawn, "b"), of(one, func(i *lease.Info) { i.Version = "v4" }), "renewed"},
	} {
		require.Equal(t, test.want, changeOf(&test.before, test.now), "%+v -> %+v", test.before, test.now)
	}
	require.Equal(t, "found", changeOf(nil, one))
}
