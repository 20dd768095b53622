package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// A shelf is a directory of leases, as the command and this test's own nodes have it.
type shelf struct {
	dir, url string
	lease.Manager
}

func newShelf(t testing.TB) shelf {
	dir := t.TempDir()
	return shelf{dir, store.FileURL(dir), file.New(dir)}
}

// Unwrap makes Inspect and Break look through.
func (s shelf) Unwrap() lease.Manager { return s.Manager }

func (s shelf) acquire(t testing.TB, name, holder string, length time.Duration, attributes map[string]string) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), lease.Request{Name: name, Holder: holder, Length: length, Attributes: attributes})
	require.NoError(t, err)
	return l
}

// hold acquires a lease and renews it until it is lost: however long another process takes to start, it finds a holder.
func (s shelf) hold(t testing.TB, name, holder string, length time.Duration) {
	t.Helper()
	l := s.acquire(t, name, holder, length, nil)
	var renewing sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); renewing.Wait() })
	renewing.Go(func() {
		for range time.Tick(length / 20) {
			var err error
			if l, err = s.Renew(ctx, l); err != nil {
				return
			}
		}
	})
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

func TestAgo(t *testing.T) {
	t.Parallel()
	require.Equal(t, "not known", ago(time.Time{}))
	require.Contains(t, ago(time.Now().Add(-90*time.Second)), "(1m30s ago)")
	require.Contains(t, ago(time.Now().Add(100*time.Millisecond)), "(0s ago)")
	require.Contains(t, ago(time.Now().Add(time.Hour)), "ahead of this machine's")
}

// The help names every field of the JSON, and no other.
func TestFieldsAreHelped(t *testing.T) {
	t.Parallel()
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[entry]()) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	var helped []string
	for _, line := range regexp.MustCompile(`(?m)^  ([a-z_]+(?:, [a-z_]+)*)`).FindAllStringSubmatch(fieldsHelp, -1) {
		helped = append(helped, strings.Split(line[1], ", ")...)
	}
	require.Equal(t, fields, helped)
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

func (s shelf) content(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "lease-"+name+".json"))
	require.NoError(t, err)
	return string(content)
}
