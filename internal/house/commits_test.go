package house

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	mostSubject = 72 // characters: what lists of commits show of one
	lastCommits = 30 // that are checked
)

// subjectsSince is when the test of subjects came. Commits do not change, so it leaves earlier ones alone.
var subjectsSince = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

// The latest commits say where and what in their subjects.
func TestCommitSubjects(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "log", "--no-merges", "-n", strconv.Itoa(lastCommits), "--format=%h %at %s").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		require.Len(t, fields, 3, line)
		written, err := strconv.ParseInt(fields[1], 10, 64)
		require.NoError(t, err)
		if time.Unix(written, 0).After(subjectsSince) {
			assert.Empty(t, wrongSubject(fields[2]), "commit %s: %q", fields[0], fields[2])
		}
	}
}

var subjectForm = regexp.MustCompile(`^[\w.]\S*(, \S+)*: \S.*[^.\s]$`)

// wrongSubject says what is wrong with a commit's subject; empty: nothing.
func wrongSubject(subject string) string {
	switch n := utf8.RuneCountInString(subject); {
	case n > mostSubject:
		return fmt.Sprintf("it has %d characters, more than %d: say why in the body", n, mostSubject)
	case !subjectForm.MatchString(subject):
		return "write it as package: what, without a full stop"
	}
	return ""
}

func TestWrongSubjects(t *testing.T) {
	t.Parallel()
	for subject, ok := range map[string]bool{
		"lease: a term ends once":                                   true,
		"lease, cmd/leader, README: SetValue":                       true,
		"docs/faq.md: an answer":                                    true,
		".github: tests on three systems":                           true,
		"lease: " + strings.Repeat("é", mostSubject-len("lease: ")): true,
		"lease: " + strings.Repeat("e", mostSubject-6):              false,
		"a term ends once":                                          false,
		"lease:a term ends once":                                    false,
		"lease: a term ends once.":                                  false,
		"the lease of a node: it ends":                              false,
		"":                                                          false,
	} {
		assert.Equal(t, ok, wrongSubject(subject) == "", subject)
	}
}
