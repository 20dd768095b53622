package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good has a lead, then b, then another process of a.
const good = `1 a.1 true accepted 100 101 110
1 a.1 true accepted 200 201 210
2 b.1 true accepted 300 301 310
2 b.1 true accepted 400 401 410
4 a.2 true accepted 500 501 510
`

func TestReadJournal(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(string) string
		want Evidence
		err  string
	}{
		{"good", also(""), Evidence{Effects: 5, Terms: 3}, ""},
		{"empty", func(string) string { return "" }, Evidence{}, ""},
		{"slept before the effect", also("1 a.1 true refused 299 300 600"), Evidence{Effects: 6, Terms: 3, Refused: 1, Slept: 1}, ""},
		{"slept during the effect", also("1 a.1 true accepted 250 251 302"), Evidence{Effects: 6, Terms: 3, Slept: 1}, ""},
		{"in time", also("1 a.1 true accepted 250 251 301"), Evidence{Effects: 6, Terms: 3}, ""},
		{"later than the term after next", also("1 a.1 false refused 505 505 506"), Evidence{Effects: 6, Terms: 3, Refused: 1, Careless: 1}, ""},
		{"careless", also("1 a.1 false refused 350 350 360", "2 b.1 false failed 499 500 502"),
			Evidence{Effects: 7, Terms: 3, Refused: 1, Failed: 1, Careless: 2}, ""},
		{"careless, in time", also("1 a.1 false accepted 250 250 260"), Evidence{Effects: 6, Terms: 3}, ""},
		{"a term that never held", also("3 c.1 false accepted 700 700 701"), Evidence{Effects: 6, Terms: 4, Careless: 1}, ""},
		{"the newest term is late, too", also("4 a.2 false accepted 900 900 901"), Evidence{Effects: 6, Terms: 3}, ""},

		{"two terms hold", also("1 a.1 true accepted 300 300 310"), Evidence{}, "S1: the term of token 1 (a.1) held 0s after that of token 2 (b.1) did"},
		{"two terms hold, a term between them", also("1 a.1 true accepted 501 501 502"), Evidence{}, "S1: the term of token 1 (a.1) held 1ns after that of token 4 (a.2)"},
		{"an older token later", replace("4 a.2 true accepted 500", "4 a.2 true accepted 50"), Evidence{}, "S1: the term of token 2"},
		{"two processes, one token", replace("2 b.1 true accepted 400", "2 c.1 true accepted 400"), Evidence{}, "S2: b.1 and c.1 both have token 2"},
		{"one node's two processes, one token", replace("4 a.2", "1 a.2"), Evidence{}, "S2: a.1 and a.2"},
		{"not a line", replace("2 b.1 true accepted 300", "2 b.1 accepted 300"), Evidence{}, "journal: line 3: it has 6 fields"},
		{"not a number", replace("500", "5oo"), Evidence{}, "journal: line 5"},
		{"not a token", replace("4 a.2", "-4 a.2"), Evidence{}, "journal: line 5"},
		{"not a truth", replace("4 a.2 true", "4 a.2 maybe"), Evidence{}, "journal: line 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			require.NoError(t, os.WriteFile(path, []byte(test.edit(good)), 0o600))
			got, err := ReadJournal(path)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	_, err := ReadJournal(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func also(lines ...string) func(string) string {
	return func(s string) string {
		for _, line := range lines {
			if line != "" {
				s += line + "\n"
			}
		}
		return s
	}
}

func replace(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	from := Now()
	want := []Effect{
		{Token: 1<<64 - 1, Process: "a.1", Held: true, Verdict: Accepted, Asked: from, Begun: Now(), Ended: Now()},
		{Token: 1, Process: "b.12", Verdict: Refused, Asked: 1, Begun: 2, Ended: time.Hour},
	}
	for _, e := range want {
		require.NoError(t, e.Append(journal))
	}
	require.NoError(t, journal.Close())
	var got []Effect
	for e, err := range effects(path) {
		require.NoError(t, err)
		got = append(got, e)
	}
	require.Equal(t, want, got)
	require.Positive(t, from)
	require.LessOrEqual(t, want[0].Begun, want[0].Ended)
}
