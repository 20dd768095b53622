package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every mutation applies to the code as it is.
func TestMutationsApply(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all {
		require.False(t, names[m.name], m.name)
		names[m.name] = true
		for _, e := range append([]edit{m.edit}, m.also...) {
			whole, err := os.ReadFile(filepath.Join("..", "..", e.file))
			require.NoError(t, err)
			mutated, err := e.apply(whole)
			require.NoError(t, err, m.name)
			require.NotEqual(t, string(whole), string(mutated))
		}
	}
	require.GreaterOrEqual(t, len(all), 40)
}

// Arguments are for tests that a mutation names, and choose among them.
func TestArgumentsChooseTests(t *testing.T) {
	for _, m := range all {
		if len(m.args) == 0 {
			continue
		}
		require.NotEmpty(t, m.tests, "%s: its arguments are for no tests", m.name)
		choice := m.args[len(m.args)-2:]
		require.Contains(t, []string{"-run", "-skip"}, choice[0], m.name)
		for _, dir := range m.tests {
			files, err := filepath.Glob(filepath.Join("..", "..", dir, "*_test.go"))
			require.NoError(t, err)
			var names []string
			for _, file := range files {
				whole, err := os.ReadFile(file)
				require.NoError(t, err)
				for _, f := range tests.FindAllSubmatch(whole, -1) {
					names = append(names, string(f[1]))
				}
			}
			require.True(t, slices.ContainsFunc(names, regexp.MustCompile(choice[1]).MatchString), "%s: %s has no such test", m.name, dir)
		}
	}
}

var tests = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// The tests find a rule that is taken out. A change of no consequence survives. One that does not compile is an error.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	comment := edit{file: "lease/term.go", old: "// SampleEvery is the longest interval at which a holder samples its clocks (R3).", new: "// Every second."}
	survivors, err := run(t.Context(), &out, []mutation{
		{name: "no margin", edit: edit{file: "lease/term.go", old: "max(l.Length-Margin(l.Length), 0)", new: "2 * l.Length"}},
		{name: "a comment", edit: comment},
	}, 60, "./internal/coverage")
	require.NoError(t, err)
	t.Log("\n" + out.String())
	require.Regexp(t, `no margin +simulation +\d+ .*(S1|R3): `, out.String())
	require.Regexp(t, `a comment +SURVIVES `, out.String())
	require.Equal(t, 1, survivors)

	_, err = run(t.Context(), &out, []mutation{
		{name: "nonsense", edit: edit{file: "lease/term.go", old: comment.old, new: "nonsense"}},
	}, 1)
	require.ErrorContains(t, err, "nonsense: it does not compile")
	_, err = run(t.Context(), &out, []mutation{
		{name: "a test's own", deaf: true, edit: edit{file: "internal/coverage/main_test.go", old: "package main", new: "package main; nonsense"}},
	}, 1, "./internal/coverage")
	require.ErrorContains(t, err, "do not compile", "tests that cannot run find nothing")
	_, err = run(t.Context(), &out, []mutation{
		{name: "a comment", deaf: true, edit: comment, tests: []string{"./internal/coverage"}, args: []string{"-nonsense"}},
	}, 1)
	require.ErrorContains(t, err, "without the mutation, too", "tests that fail anyway find nothing")
	_, err = run(t.Context(), &out, []mutation{{name: "elsewhere", edit: edit{file: "lease/term.go", old: "not there"}}}, 1)
	require.ErrorContains(t, err, "and should have it once")
}
