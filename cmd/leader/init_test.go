package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// Of a place that is not there, nobody says that its leases are free, or that there are none. leader init makes it.
func TestInit(t *testing.T) {
	t.Parallel()
	dir := place{store: fileURL(filepath.Join(t.TempDir(), "mistyped")), env: func(string) string { return "NOTHING=" }}
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir.init(t)
	})
	for service := range services {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			nowhere(t, service).init(t)
		})
	}
}

func (p place) init(t *testing.T) {
	t.Helper()
	leader := func(args ...string) outcome {
		cmd := command(t, args...)
		cmd.Env = append(cmd.Env, "LEADER_STORE="+p.store, p.env(p.upstream), "GOOGLE_CLOUD_PROJECT=test")
		return end(t, cmd)
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"list"}, {"list", "--json"}, {"watch"}, {"break", "orders", "--yes"}} {
		o := leader(args...)
		o.want(t, exitFailed, "make it with leader init")
		require.Empty(t, o.out)
		require.NotRegexp(t, identifier, o.err)
	}
	o := leader("init")
	o.want(t, 0, "")
	require.Equal(t, "Made "+redact.Text(p.store)+".\n", o.out)
	o = leader("init")
	o.want(t, 0, "")
	require.Equal(t, redact.Text(p.store)+" is there.\n", o.out)
	o = leader("status")
	o.want(t, exitNobody, "")
	require.Equal(t, "leader  free\n", o.out)
	require.Equal(t, "There are no leases.\n", leader("list").err)
	leader("run", "--once", "--log-level", "error", "--", binary, "version").want(t, 0, "")
	o = leader("status")
	o.want(t, exitNobody, "")
	require.Contains(t, o.out, "last holder")
}

// This user's own directory is where it has to be, whether there was a lease in it or not.
func TestDefaultStoreNeedsNoInit(t *testing.T) {
	t.Parallel()
	end(t, command(t, "status")).want(t, exitNobody, "")
	require.Equal(t, "There are no leases.\n", end(t, command(t, "list")).err)
}

// A table is made with the key that its URL names.
func TestInitTableWithKeys(t *testing.T) {
	t.Parallel()
	p := nowhere(t, emulator.DynamoDB)
	p.store += "?partition_key=pk&sort_key=sk&sort_value=lease"
	p.init(t)
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	end(t, command(t, "init", "--location", "here")).want(t, exitUsage, "a directory has no location")
	_, err := lease.MakePlace(t.Context(), struct{ lease.Manager }{}, "")
	require.Error(t, err)
}
