package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// An outcome is what a person sees of a command that has ended.
type outcome struct {
	out, err string
	code     int
}

func end(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	return begin(t, cmd)()
}

// begin starts the command; what it returns waits for its end.
func begin(t testing.TB, cmd *exec.Cmd) (end func() outcome) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	require.NoError(t, cmd.Start())
	wait := sync.OnceValue(cmd.Wait)
	t.Cleanup(func() { _ = wait() }) // the test's context has ended, and the process with it
	return func() outcome {
		err := wait()
		if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			require.NoError(t, err)
		}
		return outcome{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
}

// want is how the command ended, and what it said of it: one line or nothing.
func (o outcome) want(t testing.TB, code int, err string) {
	t.Helper()
	require.Equal(t, code, o.code, "%s%s", o.out, o.err)
	if err == "" {
		require.Empty(t, o.err)
		return
	}
	require.Contains(t, o.err, err)
	require.True(t, strings.HasPrefix(o.err, "leader: ") && strings.Count(o.err, "\n") == 1, "%q is not one line", o.err)
}

// A shelf is a directory of leases, as the command and this test's own nodes have it.
type shelf struct {
	dir, url string
	lease.Manager
}

func newShelf(t testing.TB) shelf {
	dir := t.TempDir()
	return shelf{dir, fileURL(dir), file.New(dir)}
}

// Unwrap makes Inspect and Break look through.
func (s shelf) Unwrap() lease.Manager { return s.Manager }

func (s shelf) acquire(t testing.TB, name, holder string, length time.Duration, attributes map[string]string) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), lease.Request{Name: name, Holder: holder, Length: length, Attributes: attributes})
	require.NoError(t, err)
	return l
}

// tells is whether this machine's files tell how old they are: it has a clock that goes on while it sleeps.
func (s shelf) tells(t testing.TB) bool {
	t.Helper()
	s.acquire(t, "of-some-age", "me", time.Hour, nil)
	info, err := lease.Inspect(t.Context(), file.New(s.dir), "of-some-age")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(s.dir, "lease-of-some-age.json")))
	return info.Age > 0
}

// needToTell skips a test in which a process that has just started sees that a lease is over.
func (s shelf) needToTell(t testing.TB) {
	t.Helper()
	if !s.tells(t) {
		t.Skip("the files of this machine do not tell how old they are")
	}
}

// steady replaces what differs from run to run.
func steady(text string) string {
	for _, r := range []struct{ pattern, by string }{
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( \S+ \(\S+ ago\))?`, "TIME"},
		{`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`, "TIME"},
		{`"id":"[^"]+"`, `"id":"ID"`},
		{`,"age_seconds":[0-9.e-]+`, ""}, // of machines that can tell
		{`,"timed":true`, ""},
		{`"left_seconds":[0-9.e-]+`, `"left_seconds":N`},
		{`up to [0-9hms]+`, "up to TIME"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
	}
	return text
}

func decodeJSON[T any](t testing.TB, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), "%q", text)
	return v
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"orders": "orders", "": `""`, "é 世=x": "é 世=x", "a\x1b[2Jb": `"a\x1b[2Jb"`, "a\nb": `"a\nb"`, "\u009b": `"\u009b"`, "\u202e": `"\u202e"`,
	} {
		require.Equal(t, want, printable(text))
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	require.Equal(t, "not known", ago(time.Time{}))
	require.Contains(t, ago(time.Now().Add(-90*time.Second)), "(1m30s ago)")
	require.Contains(t, ago(time.Now().Add(100*time.Millisecond)), "(0s ago)")
	require.Contains(t, ago(time.Now().Add(time.Hour)), "ahead of this machine's")
}

// What is left of a lease is never said to be less than it may be.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		info lease.Info
		want string
	}{
		{lease.Info{State: lease.Held, Length: 15 * time.Second, RetryAfter: 11200 * time.Millisecond}, "up to 12s"},
		{lease.Info{State: lease.Held, Length: 15 * time.Second}, "up to 15s"},
		{lease.Info{State: lease.Held}, "not known"}, // another program's blob lease
		{lease.Info{State: lease.Free, Length: 15 * time.Second}, "-"},
		{lease.Info{State: lease.Expired, Length: 15 * time.Second}, "-"},
		{lease.Info{Err: lease.ErrRecord}, "-"},
	} {
		require.Equal(t, test.want, entryOf(test.info).upTo(), "%+v", test.info)
	}
}
