package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// newFullShelf has a lease in every state there is.
func newFullShelf(t testing.TB) shelf {
	s := newShelf(t)
	s.acquire(t, "held", "node-1", time.Hour, map[string]string{"zone": "b", "address": "10.0.0.1:80"})
	require.NoError(t, s.Release(t.Context(), s.acquire(t, "free", "node-1", 15*time.Second, nil)))
	s.acquire(t, "expired", "node-1", time.Millisecond, nil)
	s.acquire(t, "broken", "node-1", time.Hour, nil)
	seen, err := lease.Inspect(t.Context(), s, "broken")
	require.NoError(t, err)
	require.NoError(t, lease.Break(t.Context(), s, seen))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "lease-notes.json"), []byte("buy milk\n"), 0o600))
	return s
}

// rewrite changes a record as somebody else's program may.
func (s shelf) rewrite(t testing.TB, name, from, to string) {
	t.Helper()
	path := filepath.Join(s.dir, "lease-"+name+".json")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), from)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), from, to, 1)), 0o600))
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	tells := s.tells(t)
	for _, test := range []struct {
		name, want, json string
		code             int
		err              string
	}{
		{"held", `held  held
  holder        node-1
  token         1
  since         TIME
  last written  TIME
  length        1h0m0s
  time left     up to TIME, unless it is renewed
  attributes    address=10.0.0.1:80 zone=b
`, `{"lease":"held","state":"held","holder":"node-1","id":"ID","token":1,"length_seconds":3600,"attributes":{"address":"10.0.0.1:80","zone":"b"},"acquired":"TIME","renewed":"TIME","left_seconds":N}
`, 0, ""},
		{"free", `free  free
  last holder   node-1
  token         1
  was taken     TIME
  last written  TIME
  length        15s
`, `{"lease":"free","state":"free","holder":"node-1","id":"ID","token":1,"length_seconds":15,"acquired":"TIME","renewed":"TIME"}
`, exitNobody, ""},
		{"expired", `expired  expired
  last holder   node-1
  token         1
  was taken     TIME
  last written  TIME
  length        1ms
`, `{"lease":"expired","state":"expired","holder":"node-1","id":"ID","token":1,"length_seconds":0.001,"acquired":"TIME","renewed":"TIME"}
`, exitNobody, ""},
		{"broken", `broken  broken
  holder        nobody
  token         2
  since         TIME
  last written  TIME
  length        1h0m0s
  time left     up to TIME, unless it is renewed
  attributes    broken=node-1
`, `{"lease":"broken","state":"broken","holder":"nobody","id":"ID","token":2,"length_seconds":3600,"attributes":{"broken":"node-1"},"acquired":"TIME","renewed":"TIME","left_seconds":N,"history":[{"token":1,"holder":"node-1","begun":"TIME","ended":"TIME","how":"broken"}]}
`, exitNobody, ""},
		{"never", "never  free\n", `{"lease":"never","state":"free"}` + "\n", exitNobody, ""},
		{"notes", "", "", exitFailed, "not a lease record"},
		{"a\nb", "", "", exitUsage, "control character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == expired && !tells {
				t.Skip("a process that has just started does not see here that a lease is over")
			}
			o := commandtest.End(t, commandtest.Command(t, "status", test.name, "--store", s.url))
			o.Want(t, test.code, test.err)
			if test.want != "" {
				require.Equal(t, test.want, steady(o.Out))
			}
			o = commandtest.End(t, commandtest.Command(t, "status", test.name, "--store", s.url, "--json"))
			o.Want(t, test.code, test.err)
			if test.json != "" {
				require.Equal(t, test.json, steady(o.Out))
			}
		})
	}
	t.Run("the age, where this machine can tell", func(t *testing.T) {
		t.Parallel()
		e := decodeJSON[entry](t, commandtest.End(t, commandtest.Command(t, "status", "held", "--store", s.url, "--json")).Out)
		require.Equal(t, tells, e.AgeSeconds > 0)
	})
	t.Run("what is unreadable is shown", func(t *testing.T) {
		t.Parallel()
		o := commandtest.End(t, commandtest.Command(t, "status", "notes", "--store", s.url))
		require.Contains(t, o.Out, "notes  unreadable\n")
		e := decodeJSON[entry](t, commandtest.End(t, commandtest.Command(t, "status", "notes", "--store", s.url, "--json")).Out)
		require.Equal(t, unreadable, e.State)
		require.Contains(t, e.Error, "not a lease record")
	})
}

// The name is that of the argument, or else of the flag, or else of LEADER_NAME, or else that of package leader.
func TestStatusFindsTheName(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for _, test := range []struct {
		args []string
		env  string
		want string
	}{
		{nil, "", "leader"},
		{nil, "LEADER_NAME=a", "a"},
		{[]string{"--name", "b"}, "LEADER_NAME=a", "b"},
		{[]string{"c"}, "LEADER_NAME=a", "c"},
	} {
		cmd := commandtest.Command(t, append([]string{"status"}, test.args...)...)
		cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url, test.env)
		require.Equal(t, test.want+"  free\n", commandtest.End(t, cmd).Out)
	}
}

// Text in a record does not steer the reader's terminal.
func TestStatusIsHarmless(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.acquire(t, "a", "node-1", time.Hour, map[string]string{"k": "v"})
	s.rewrite(t, "a", `"holder":"node-1"`, `"holder":"x\u001b[2Jy"`)
	s.rewrite(t, "a", `"k":"v"`, `"k":"\u009b2J\n"`)
	for _, args := range [][]string{{"status", "a"}, {"list"}} {
		out := commandtest.End(t, commandtest.Command(t, append(args, "--store", s.url)...)).Out
		require.NotContains(t, out, "\x1b")
		require.NotContains(t, out, "\u009b")
		require.Contains(t, out, `"x\x1b[2Jy"`)
		require.Contains(t, out, `k="\u009b2J\n"`)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		err  string
	}{
		{[]string{"status", "a", "b"}, "see leader status --help"},
		{[]string{"list", "a", "b"}, "see leader list --help"},
		{[]string{"watch", "a", "b"}, "see leader watch --help"},
		{[]string{"break"}, "see leader break --help"},
		{[]string{"doctor", "a"}, "see leader doctor --help"},
		{[]string{"version", "a"}, "see leader version --help"},
		{[]string{"watch", "--every", "0s"}, "--every 0s is not positive"},
		{[]string{"doctor", "--samples", "0"}, "must be positive"},
		{[]string{"doctor", "--lease-length", "-1s"}, "must be positive"},
		{[]string{"doctor", "--lease-length", "15ns"}, "--lease-length 15ns: it is at least 100ms, and usually some seconds"},
		{[]string{"doctor", "--lease-length", "15"}, `missing unit in duration "15": write 15s for 15 seconds; see leader doctor --help`},
		{[]string{"watch", "--every", "1ns"}, "--every 1ns: it is at least 10ms"},
		{[]string{"status", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"list", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"watch", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"break", "a", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"checkpoint", "show", "a", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"value", "show", "a", "--store", "ftp://x"}, `store URL "ftp://x": its scheme is unknown`},
		{[]string{"checkpoint", "show"}, "see leader checkpoint show --help"},
		{[]string{"checkpoint", "set", "a"}, "see leader checkpoint set --help"},
		{[]string{"checkpoint", "set", "a", "-5"}, "see leader checkpoint set --help"},
		{[]string{"checkpoint", "set", "a", "text"}, "the value is not JSON"},
		{[]string{"checkpoint", "set", "a", "1 2"}, "the value is not JSON"},
		{[]string{"checkpoint", "show", "a\nb"}, "control character"},
		{[]string{"checkpoint", "set", "a", "1", "--lease", "a\nb", "--yes"}, "control character"},
		{[]string{"value", "show"}, "see leader value show --help"},
		{[]string{"value", "clear"}, "see leader value clear --help"},
		{[]string{"value", "show", "a\nb"}, "control character"},
		{[]string{"value", "clear", "a\nb"}, "control character"},
		{[]string{"list", "--jsn"}, "unknown flag: --jsn"},
	} {
		commandtest.End(t, commandtest.Command(t, test.args...)).Want(t, exitUsage, test.err)
	}
}
