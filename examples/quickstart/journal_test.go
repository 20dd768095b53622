package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/internal/journal"
)

// verify finds what breaks each rule.
func TestVerify(t *testing.T) {
	allowed := func(before, after journal.Entry) time.Duration { return 2 * time.Second }
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	line := func(number, token uint64, node string, after time.Duration) journal.Entry {
		return journal.Entry{Number: number, Token: token, Node: node, At: start.Add(after)}
	}
	for _, test := range []struct {
		second journal.Entry
		finds  string
	}{
		{line(2, 4, "a", time.Second), ""},
		{line(2, 3, "b", time.Second), "no line of an older term after one of a newer"},
		{line(2, 4, "b", time.Second), "no two nodes with the same token"},
		{line(3, 4, "a", time.Second), "numbers go on without gap or repeat"},
		{line(2, 5, "b", 3*time.Second), "no longer pause than is promised"},
	} {
		err := journal.Broken(verify([]journal.Entry{line(1, 4, "a", 0), test.second}, allowed))
		if test.finds == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, test.finds+": ")
		require.Equal(t, 1, strings.Count(err.Error(), "\n")+1, "one rule is broken: %v", err)
	}
	require.ErrorContains(t, journal.Broken(verify(nil, allowed)), "the journal is empty")
}

func TestJournalGoesOnWhereTheLastWriterEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	write(t, path, 1, "a")
	write(t, path, 2, "b")
	entries, err := journal.Read(path)
	require.NoError(t, err)
	require.NoError(t, journal.Broken(verify(entries, func(_, _ journal.Entry) time.Duration { return time.Minute })))
	require.Len(t, entries, 4)
	require.Equal(t, "b", entries[3].Node)
	require.WithinDuration(t, time.Now(), entries[3].At, time.Minute)

	require.NoError(t, os.WriteFile(path, []byte("1 1 a"), 0o600))
	_, err = openJournal(path)
	require.ErrorContains(t, err, "torn")
}

// write adds two lines.
func write(t *testing.T, path string, token uint64, node string) {
	w, err := openJournal(path)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.append(token, node))
	require.NoError(t, w.append(token, node))
}
