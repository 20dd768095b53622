// Package errtest checks, for the tests of the stores, that their errors read alike.
package errtest

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlease/leader/lease"
)

// begins matches advice that begins with a verb, as far as a pattern can tell.
var begins = regexp.MustCompile(`^[a-z]+ [^:]*\S`)

// notVerbs begin advice that tells a story first.
var notVerbs = []string{"the", "a", "an", "this", "that", "there", "it", "if", "its"}

// Advice fails unless the error, if it is permanent, is a MisconfiguredError whose advice is at its end, once, in one line,
// and begins with what to do. It passes every other error.
func Advice(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, lease.ErrMisconfigured) {
		return
	}
	bad, ok := errors.AsType[*lease.MisconfiguredError](err)
	if !ok {
		t.Errorf("it is an ErrMisconfigured, and no MisconfiguredError: %v", err)
		return
	}
	text := err.Error()
	first, _, _ := strings.Cut(bad.Advice, " ")
	switch {
	case bad.Err == nil || bad.Advice == "":
		t.Errorf("it lacks the cause or the advice: %v", err)
	case !strings.HasSuffix(text, ": "+bad.Advice):
		t.Errorf("the advice %q is not at the end: %s", bad.Advice, text)
	case strings.Count(text, bad.Advice) != 1 || strings.Contains(text, "\n") || strings.Contains(text, "%!"):
		t.Errorf("the advice is there twice, or the text is not one line: %s", text)
	case strings.Contains(text, lease.ErrMisconfigured.Error()):
		t.Errorf("that the store is misconfigured is said by the advice already: %s", text)
	case !begins.MatchString(bad.Advice) || slices.Contains(notVerbs, first):
		t.Errorf("the advice does not begin with what to do: %s", bad.Advice)
	}
}
