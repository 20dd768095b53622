package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.tells(t)
	require.NoError(t, s.Release(t.Context(), s.acquire(t, "a", "one", 15*time.Second, nil)))
	s.acquire(t, "a", "two \u202e", time.Hour, nil)
	require.NoError(t, lease.Break(t.Context(), s, s.inspect(t, "a")))

	o := s.run(t, "history", "a")
	o.Want(t, 0, "")
	lines := strings.Split(strings.TrimSpace(o.Out), "\n")
	require.Len(t, lines, 3, "a Break is no term")
	require.Regexp(t, `^TOKEN +HOLDER +BEGUN +ENDED +LASTED +HOW$`, lines[0])
	require.Regexp(t, `^ *2 +"two \\u202e" +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ +\d{4}-.* \d+s +broken$`, lines[1])
	require.Regexp(t, `^ *1 +one +\d{4}-.* +\d{4}-.* \d+s +released$`, lines[2])

	s.acquire(t, "b", "one", time.Millisecond, nil)
	s.run(t, "history", "b").Want(t, 0, "")
	s.acquire(t, "b", "two", time.Hour, nil)
	o = s.run(t, "history", "b", "--json")
	o.Want(t, 0, "")
	lines = strings.Split(strings.TrimSpace(o.Out), "\n")
	latest, before := decodeJSON[pastTerm](t, lines[0]), decodeJSON[pastTerm](t, lines[1])
	require.Equal(t, []any{"b", uint64(2), "two", "", true}, []any{latest.Lease, latest.Token, latest.Holder, latest.How, latest.Ended.IsZero()})
	require.Equal(t, []any{"b", uint64(1), "one", "expired"}, []any{before.Lease, before.Token, before.Holder, before.How})
	require.Equal(t, []leaderhttp.Term{before.Term}, decodeJSON[entry](t, s.run(t, "status", "b", "--json").Out).History)

	s.run(t, "history", "never").Want(t, exitNone, `no node has led by lease "never" yet`)
	s.run(t, "history", "").Want(t, exitUsage, "the name is empty")
}
