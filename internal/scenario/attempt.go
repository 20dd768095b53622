package scenario

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// attempts is how often a story is told at most, and longest is the lease of one that is told again. So all of them take less than ten
// minutes.
const (
	attempts = 4
	longest  = 30 * time.Second
)

// An attempt is a testing.TB that keeps failures for itself.
type attempt struct {
	testing.TB
	length time.Duration // of the lease; 0: it has not come so far

	mu       sync.Mutex
	failures []string
}

// tell tells the story, and returns how often the store, or this machine, stalled.
func (a *attempt) tell(place Place) (stalls int64) {
	done := make(chan struct{})
	go func() { // FailNow ends it
		defer close(done)
		s := newStory(a, place)
		defer func() {
			s.over()
			stalls, a.length = s.stalls.Load(), s.length
		}()
		s.story()
	}()
	<-done
	return stalls
}

// unsafe reports whether a promise is broken that holds on any store.
func (a *attempt) unsafe() bool {
	for _, failure := range a.failures {
		if strings.HasPrefix(failure, "S1") || strings.HasPrefix(failure, "S2") {
			return true
		}
	}
	return false
}

func (a *attempt) fail(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, text)
}

func (a *attempt) Errorf(format string, args ...any) { a.fail(fmt.Sprintf(format, args...)) }
func (a *attempt) Error(args ...any)                 { a.fail(fmt.Sprint(args...)) }
func (a *attempt) Fail()                             { a.fail("it failed") }

func (a *attempt) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	a.FailNow()
}

func (a *attempt) Fatal(args ...any) {
	a.Error(args...)
	a.FailNow()
}

// FailNow is for the goroutine of tell, as that of testing.T is for the test's.
func (a *attempt) FailNow() { runtime.Goexit() }

func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.failures) > 0
}
