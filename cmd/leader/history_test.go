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

// A lease that a job has left to run out is shown as that, and not as a crash; one that was renewed for longer than the job keeps it is a
// crash.
func TestAJobThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.needToTell(t)
	acquire := func(name, holder string, hold time.Duration) lease.Lease {
		l, err := s.Acquire(t.Context(), lease.Request{Name: name, Holder: holder, Length: time.Millisecond, HoldAtLeast: hold})
		require.NoError(t, err)
		return l
	}
	acquire("job", "one", time.Minute)
	o := s.run(t, "status", "job")
	o.Want(t, exitNobody, "")
	require.Contains(t, o.Out, "job  expired\n")
	require.Contains(t, o.Out, "  a job         keeps it for 1m0s at least, and then lets it run out: it has ended, or crashed\n")
	o = s.run(t, "status", "job", "--json")
	require.Contains(t, o.Out, `"state":"expired"`)
	require.Contains(t, o.Out, `"hold_at_least_seconds":60,`)
	o = s.run(t, "history", "job")
	o.Want(t, 0, "")
	require.Regexp(t, `one .* left\n$`, o.Out)
	acquire("job", "two", time.Minute)
	require.Equal(t, "left", decodeJSON[entry](t, s.run(t, "status", "job", "--json").Out).History[0].How)

	l := acquire("crashed", "one", time.Nanosecond)
	l.Acquired = l.Acquired.Add(-time.Hour)
	_, err := s.Renew(t.Context(), l)
	require.NoError(t, err)
	require.NotContains(t, s.run(t, "status", "crashed").Out, "a job")
	require.Regexp(t, `one .* expired\n$`, s.run(t, "history", "crashed").Out)
}
