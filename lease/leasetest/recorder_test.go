package leasetest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// recorder is a testing.TB that keeps failures to itself, so that a test can see that a check fails.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	logs     []string
}

// record runs f, and returns how it failed.
func record(t testing.TB, f func(t testing.TB)) []string {
	failures, _ := recordAll(t, f)
	return failures
}

// recordAll runs f, and returns how it failed, and what it logged.
func recordAll(t testing.TB, f func(t testing.TB)) (failures, logs []string) {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		f(r)
	}()
	<-done
	return r.failures, r.logs
}

func (r *recorder) fail(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, text)
}

func (r *recorder) log(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, text)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Fail()                             { r.fail("Fail") }
func (r *recorder) FailNow()                          { r.fail("FailNow"); runtime.Goexit() }
func (r *recorder) Error(args ...any)                 { r.fail(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Log(args ...any)                   { r.log(fmt.Sprint(args...)) }
func (r *recorder) Logf(format string, args ...any)   { r.log(fmt.Sprintf(format, args...)) }
func (r *recorder) Helper()                           {}

func TestRecorderSeesFailures(t *testing.T) {
	assert.Empty(t, record(t, func(t testing.TB) { t.Helper(); t.Log("fine"); t.Logf("fine") }))
	for name, c := range map[string]struct {
		fail  func(t testing.TB)
		fatal bool
	}{
		"Fail":   {func(t testing.TB) { t.Fail() }, false},
		"Error":  {func(t testing.TB) { t.Error("bad") }, false},
		"Errorf": {func(t testing.TB) { t.Errorf("%s", "bad") }, false},
		"elsewhere": {func(t testing.TB) {
			race(2, func(i int) {
				if i == 1 {
					t.Error("bad")
				}
			})
		}, false},
		"FailNow": {func(t testing.TB) { t.FailNow() }, true},
		"Fatal":   {func(t testing.TB) { t.Fatal("bad") }, true},
		"Fatalf":  {func(t testing.TB) { t.Fatalf("%s", "bad") }, true},
	} {
		went := false
		failures := record(t, func(t testing.TB) {
			c.fail(t)
			went = true
			assert.True(t, t.Failed())
		})
		assert.Len(t, failures, 1, name)
		assert.Equal(t, c.fatal, !went, name)
	}
}

// named finds a check of a suite.
func named[S any](t testing.TB, checks []check[S], name string) check[S] {
	for _, c := range checks {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("the suite has no check %q", name)
	return check[S]{}
}

// wantAllNamed fails unless every check of the suite is one that some flaw has been shown to fail.
func wantAllNamed[S any](t testing.TB, checks []check[S], shown map[string]bool) {
	seen := map[string]bool{}
	for _, c := range checks {
		assert.Truef(t, shown[c.name], "nothing fails the check %q", c.name)
		assert.Falsef(t, seen[c.name], "there are two checks %q", c.name)
		assert.NotContains(t, c.name, "/", "it could not be run alone with -run")
		seen[c.name] = true
	}
}
