package main

import (
	"os"
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
func promised(before, after entry) time.Duration {
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
		noLines  = "the journal has lines"
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
		{"empty", func(string) string { return "" }, []string{noLines}},
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
			entries, err := parseJournal("journal", []byte(test.edit(good)))
			require.NoError(t, err)
			findings := verify(entries, promised)
			var rules []string
			for _, f := range findings {
				if f.err != nil {
					rules = append(rules, f.rule)
				}
			}
			require.Equal(t, test.broken, rules)
			require.Equal(t, test.broken == nil, broken(findings) == nil)
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
			_, err := parseJournal("journal", []byte(edit(good)))
			require.ErrorContains(t, err, "journal: line ")
		})
	}
}

func TestJournalGoesOnWhereTheLastWriterEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	write(t, path, 1, "a")
	write(t, path, 2, "b")
	entries, err := readJournal(path)
	require.NoError(t, err)
	require.NoError(t, broken(verify(entries, func(_, _ entry) time.Duration { return time.Minute })))
	require.Len(t, entries, 4)
	require.Equal(t, "b", entries[3].Node)
	require.WithinDuration(t, time.Now(), entries[3].At, time.Minute)

	require.NoError(t, os.WriteFile(path, []byte("1 1 a"), 0o600))
	_, err = openJournal(path)
	require.ErrorContains(t, err, "torn")
}

// write adds two lines.
func write(t *testing.T, path string, token uint64, node string) {
	j, err := openJournal(path)
	require.NoError(t, err)
	defer j.Close()
	require.NoError(t, j.append(token, node))
	require.NoError(t, j.append(token, node))
}
