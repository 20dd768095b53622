package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two test binaries: the first reaches one of m's blocks, the second another.
const profile = `mode: atomic
m/a.go:1.1,2.2 3 7
m/a.go:3.1,4.2 1 0
m/a.go:5.1,6.2 1 0
m/sub/b.go:1.1,2.2 4 0
m/a.go:1.1,2.2 3 0
m/a.go:3.1,4.2 1 1
m/a.go:5.1,6.2 1 0
m/sub/b.go:1.1,2.2 4 0
`

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name     string
		minimum  float64
		profile  string
		packages []string
		out, err string
	}{
		{"reached by any binary", 80, profile, []string{"m"}, "coverage:  80.0% of 5 statements in m\n", ""},
		{"below the minimum", 80.1, profile, []string{"m"}, "coverage:  80.0% of 5 statements in m\n", "less than 80.1% in m"},
		{"a package below another is not part of it", 50, profile, []string{"m", "m/sub"},
			"coverage:  80.0% of 5 statements in m\ncoverage:   0.0% of 4 statements in m/sub\n", "less than 50% in m/sub"},
		{"a package without statements", 0, profile, []string{"m/su"}, "", "nothing is said of m/su"},
		{"no profile", 0, "mode: atomic\nFAIL\n", []string{"m"}, "", "line 2 is not one of a coverage profile"},
		{"go test's output", 0, "ok m 0.1s\nwhat is this\n", []string{"m"}, "", "line 1 is not one of a coverage profile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "coverage.out")
			require.NoError(t, os.WriteFile(path, []byte(test.profile), 0o600))
			var out strings.Builder
			err := run(&out, test.minimum, path, test.packages)
			require.Equal(t, test.out, out.String())
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
			}
		})
	}
}

func TestNoSuchProfile(t *testing.T) {
	require.ErrorIs(t, run(&strings.Builder{}, 0, filepath.Join(t.TempDir(), "none"), []string{"m"}), os.ErrNotExist)
}
