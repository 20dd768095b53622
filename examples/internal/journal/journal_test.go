package journal

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good is a journal of three terms: b takes over from a 2.9 s after a's last line, and a from b after 0.9 s.
const good = `1 1 a 2026-03-01T12:00:00Z
2 1 a 2026-03-01T12:00:00.1Z
3 2 b 2026-03-01T12:00:03Z
4 2 b 2026-03-01T12:00:03.1Z
5 4 a 2026-03-01T12:00:04Z
`

// promised: a handover may take 4 s, the one after b's term 1 s.
func promised(before, after Entry) time.Duration {
	switch {
	case before.Token == after.Token:
		return 200 * time.Millisecond
	case before.Token == 2:
		return time.Second
	}
	return 4 * time.Second
}

func TestVerify(t *testing.T) {
	const (
		older    = "no line of an older term after one of a newer"
		twoNodes = "no two nodes with the same token"
		gap      = "numbers go on without gap or repeat"
		late     = "no longer pause than is promised"
	)
	for _, test := range []struct {
		name   string
		edit   func(string) string
		broken []string
	}{
		{"good", replace("", ""), nil},
		{"an older token after a newer", replace("4 2 b", "4 1 a"), []string{older}},
		{"an older token at the end", replace("5 4 a", "5 1 a"), []string{older}},
		{"token 0", replace("1 1 a", "1 0 a"), []string{older}},
		{"two nodes with one token", replace("2 1 a", "2 1 b"), []string{twoNodes}},
		{"two nodes with one token, not side by side", replace("5 4 a", "5 2 a"), []string{twoNodes, late}},
		{"a number repeats", replace("3 2 b", "2 2 b"), []string{gap}},
		{"a number is left out", replace("5 4 a", "6 4 a"), []string{gap}},
		{"the first line is missing", func(s string) string { return s[strings.Index(s, "\n")+1:] }, []string{gap}},
		{"numbers begin again", replace("3 2 b", "1 2 b"), []string{gap}},
		{"a line twice", replace("4 2 b 2026-03-01T12:00:03.1Z\n", strings.Repeat("4 2 b 2026-03-01T12:00:03.1Z\n", 2)), []string{gap}},
		{"a late takeover", replace("03Z", "04.2Z", "03.1Z", "04.3Z", "04Z", "04.4Z"), []string{late}},
		{"a late handover", replace("04Z", "04.2Z"), []string{late}},
		{"a pause in a term", replace("00.1Z", "00.3Z"), []string{late}},
	} {
		t.Run(test.name, func(t *testing.T) {
			entries, err := parse("journal", []byte(test.edit(good)))
			require.NoError(t, err)
			findings := []Finding{}
			for _, r := range append(Rules, Rule{late, func(entries []Entry) error { return Pauses(entries, promised) }}) {
				findings = append(findings, Finding{r.Name, r.Keep(entries)})
			}
			var rules []string
			for _, f := range findings {
				if f.Err != nil {
					rules = append(rules, f.Rule)
				}
			}
			require.Equal(t, test.broken, rules)
			require.Equal(t, test.broken == nil, Broken(findings) == nil)
			var table strings.Builder
			require.Equal(t, Broken(findings), Report(&table, findings))
			require.Equal(t, len(rules), strings.Count(table.String(), "  BROKEN: "))
			require.Equal(t, len(findings)-len(rules), strings.Count(table.String(), "  ok\n"))
		})
	}
}

func replace(oldnew ...string) func(string) string { return strings.NewReplacer(oldnew...).Replace }

func TestJournalThatCannotBeRead(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"torn":                    func(s string) string { return s[:len(s)-1] },
		"torn in a time":          func(s string) string { return s[:len(s)-5] },
		"two lines in one":        replace("00Z\n2", "00Z2"),
		"an empty line":           replace("\n3", "\n\n3"),
		"no number":               replace("\n3", "\nthree"),
		"a negative number":       replace("\n3", "\n-3"),
		"no token":                replace("3 2 b", "3  b"),
		"no node":                 replace("3 2 b", "3 2 "),
		"no time":                 replace("2026-03-01T12:00:03Z", "noon"),
		"a field left out":        replace("3 2 b", "3 b"),
		"zeros, as after a crash": func(s string) string { return s + strings.Repeat("\x00", 20) + "\n" },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse("journal", []byte(edit(good)))
			require.ErrorContains(t, err, "journal: line ")
		})
	}
}

func TestJournalThatDoesNotExist(t *testing.T) {
	entries, err := Read(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestTerms(t *testing.T) {
	entries, err := parse("journal", []byte(good))
	require.NoError(t, err)
	require.Equal(t, 3, Terms(entries))
}
