package main

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// identifier matches words that mean something only in a Go program.
var identifier = regexp.MustCompile(`\bWith(out)?[A-Z]\w+|\b(dynamodb|s3|gcs|azblob|file|lease)\.[A-Z]\w+`)

// Of a place that is not there, nobody says that its leases are free, or that there are none. leader init makes it.
func TestInit(t *testing.T) {
	t.Parallel()
	dir := store.FileURL(filepath.Join(t.TempDir(), "mistyped"))
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		initialize(t, dir)
	})
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			initialize(t, emulated.Nowhere(t, service).URL)
		})
	}
}

func initialize(t *testing.T, url string) {
	t.Helper()
	leader := func(args ...string) commandtest.Outcome {
		cmd := commandtest.Command(t, args...)
		cmd.Env = append(cmd.Env, "LEADER_STORE="+url, "GOOGLE_CLOUD_PROJECT=test")
		return commandtest.End(t, cmd)
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"list"}, {"list", "--json"}, {"watch"}, {"break", "orders", "--yes"}, {"handover", "orders", "--to", "b", "--yes"}} {
		o := leader(args...)
		o.Want(t, exitFailed, "make it with leader init")
		require.Empty(t, o.Out)
		require.NotRegexp(t, identifier, o.Err)
	}
	o := leader("init")
	o.Want(t, 0, "")
	made := regexp.MustCompile(`^Made (\S+)\.\n$`).FindStringSubmatch(o.Out)
	require.NotNil(t, made, o.Out)
	url = made[1] // a URL of the same place
	o = leader("init")
	o.Want(t, 0, "")
	require.Equal(t, url+" exists already.\n", o.Out)
	o = leader("status")
	o.Want(t, exitNobody, "")
	require.Equal(t, "leader  free\n", o.Out)
	require.Equal(t, "There are no leases.\n", leader("list").Err)
	// A lease is given back for a third of its length at most: an emulator on a busy machine stalls for seconds.
	leader("run", "--once", "--lease-length", "60s", "--log-level", "warn", "--", commandtest.Binary(), "version").Want(t, 0, "")
	o = leader("status")
	o.Want(t, exitNobody, "")
	require.Contains(t, o.Out, "last holder")
}

// This user's own directory is where it has to be, whether there was a lease in it or not.
func TestDefaultStoreNeedsNoInit(t *testing.T) {
	t.Parallel()
	commandtest.End(t, commandtest.Command(t, "status")).Want(t, exitNobody, "")
	require.Equal(t, "There are no leases.\n", commandtest.End(t, commandtest.Command(t, "list")).Err)
}

// A table is made with the key that its URL names.
func TestInitTableWithKeys(t *testing.T) {
	t.Parallel()
	initialize(t, emulated.Nowhere(t, emulator.DynamoDB).URL+"?partition_key=pk&sort_key=sk&sort_value=lease")
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	commandtest.End(t, commandtest.Command(t, "init", "--location", "here")).Want(t, exitUsage, "a directory has no location")
	_, err := lease.MakePlace(t.Context(), struct{ lease.Manager }{}, "")
	require.Error(t, err)
}
