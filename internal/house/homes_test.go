package house

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A home is the one file with a number or a decision that others would write again.
type home struct {
	of   string
	file string
	is   *regexp.Regexp
}

var homes = []home{
	{"the default of an interval, lease.IntervalsPerLength", "lease/lease.go", regexp.MustCompile(`\bIntervalsPerLength\s*=|(?i:length)\)?\s*/\s*3\b|\b3\s*\*\s*\S*(?i:renewEvery)`)},
	{"how often a call tries to write, lease.MaxSwaps", "lease/protocol.go", regexp.MustCompile(`(?i)\bmax(swaps|tries)\s*=|times in one call`)},
	{"for how long a failed acquisition is undone, lease.UndoTimeout", "lease/protocol.go", regexp.MustCompile(`func UndoTimeout|(?i:length)\)?\s*/\s*3,\s*5\s*\*`)},
	{"how often a holder samples its clocks, lease.SampleEvery", "lease/term.go", regexp.MustCompile(`(?i)\bsampl\w*(\s+time\.Duration)?\s*:?=\s*(time\.Second|\d)`)},
	{"the default length of a lease, leader.DefaultLeaseLength", "defaults.go", regexp.MustCompile(`(?i)length\w*(\s+time\.Duration)?\s*:?=\s*15\b|(?i:length)",\s*15\s*\*`)},
	{"longer than any lease, lease.Forever", "lease/store.go", regexp.MustCompile(`\* 365 \*|365\s*\*\s*24`)},
	{"the shortest lease, leader.MinLeaseLength", "validate.go", regexp.MustCompile(`(?i)\b(shortest|min)lease\w*\s*=`)},
	{"the safety margin, lease.Margin", "lease/lease.go", regexp.MustCompile(`func Margin|(?i:length)\)?\s*/\s*10\b`)},
	{"JSON without escapes for HTML, plainjson.Marshal", "internal/plainjson/plainjson.go", regexp.MustCompile(`SetEscapeHTML`)},
	{"what is not there, absent.Is", "internal/absent/absent.go", regexp.MustCompile(`\.IsNil\(\)`)},
	{"the reason why a context ended, failure.WithCause", "internal/failure/failure.go", regexp.MustCompile(`cause != nil && !errors\.Is\(err, cause\)|cause == nil \|\| errors\.Is\(err, cause\)`)},
	{"a permanent error that no client reports, failure.Misconfigured", "internal/failure/failure.go", regexp.MustCompile(`MisconfiguredError\{Err: errors\.New\(`)},
}

// otherwise has, for a file, the line that looks like a second home of what is at home elsewhere, and is none.
var otherwise = map[string]string{
	"lease/protocol.go": "UndoTimeout", // a third of the length, for another reason
}

// apart are programs that test, or that show how the library is used: they judge the code from outside, and have their own numbers.
var apart = regexp.MustCompile(`^(bench|examples|internal/(simulate|hosttest|explore|stress))/|_test\.go$`)

// A number and a decision stand in one place, so that a change changes all of it.
func TestOneHomeForEachDecision(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	for _, name := range tracked(t) {
		if path.Ext(name) != ".go" || apart.MatchString(name) {
			continue
		}
		for line := range strings.Lines(read(t, name)) {
			code, _, _ := strings.Cut(line, "//")
			for _, h := range homes {
				except := otherwise[name]
				if h.is.MatchString(code) && (except == "" || h.file == name || !strings.Contains(code, except)) && !slices.Contains(found[h.of], name) {
					found[h.of] = append(found[h.of], name)
				}
			}
		}
	}
	for _, h := range homes {
		assert.Equal(t, []string{h.file}, found[h.of], "%s: it has one home", h.of)
	}
	require.NotEmpty(t, found)
}
