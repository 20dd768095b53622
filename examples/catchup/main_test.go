package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/catchup/internal/experiment"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/transcript"
	"github.com/cloudlease/leader/lease/memory"
)

// The experiment runs this binary again, as a worker or a producer.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "node" || os.Args[1] == "producer") {
		main()
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else the race detector keeps each process for a second
	os.Exit(m.Run())
}

// The whole story, without more misfortunes than those that come in any case. It judges itself.
func TestExperiment(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]struct {
		postgres bool
		rules    int
		args     []string
	}{
		"PostgreSQL":            {postgres: true, rules: 12},
		"SQLite":                {rules: 12, args: []string{"-sqlite"}},
		"a fleet on PostgreSQL": {postgres: true, rules: 8, args: []string{"-fleet"}},
		"a fleet on SQLite":     {rules: 8, args: []string{"-fleet", "-sqlite"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if place.postgres {
				emulator.Postgres.Address(t)
			}
			var out transcript.Transcript
			began := time.Now()
			err := experiment.Run(t.Context(), &out, append([]string{"-for", "1s", "-lease-length", "1s"}, place.args...))
			t.Log(out.String())
			require.NoError(t, err)
			t.Log(time.Since(began))
			require.NotContains(t, out.String(), "There is no PostgreSQL here")
			require.Equal(t, place.rules, strings.Count(out.String(), "  ok\n"))
		})
	}
}

// A worker needs no name.
func TestNodeByDefault(t *testing.T) {
	t.Parallel()
	c, err := parse([]string{"-database", "x.db", "-index", "http://127.0.0.1:1"})
	require.NoError(t, err)
	db, err := sql.Open(c.driver, filepath.Join(t.TempDir(), c.database))
	require.NoError(t, err)
	defer db.Close()
	var ran bool
	err = c.elect(memory.New(), db, "statement", func(context.Context) error { ran = true; return nil }).RunOnce(t.Context())
	require.True(t, ran, err)
	require.NoError(t, c.divide(memory.New(), db).Validate())
}
