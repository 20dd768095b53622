package leader_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// Somebody damages the record of a leader that runs. It says what it found, leaves it as it is, and stops before its
// lease is over; once the damage is repaired, it leads again.
func TestDamage_RecordOfARunningLeader(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"edited by hand": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("{\"leaseFile\":1}\nnot a record"), 0o600))
		},
		"emptied": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"a directory in its place": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const length = 1500 * time.Millisecond // with room for requests on a busy machine: the failure is to be that of the record
			dir := t.TempDir()
			path := filepath.Join(dir, "lease-leader.json")
			started, lost := make(chan lease.Term, 10), make(chan error, 10)
			a := leader.New(
				leader.WithLeaseManager(file.New(dir)), leader.WithLeaseLength(length), quiet(),
				leader.WhenStarted(func(ctx context.Context) error {
					term, _ := leader.TermFrom(ctx)
					started <- term
					<-ctx.Done()
					lost <- context.Cause(ctx)
					return nil
				}))
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()

			first := <-started
			good, err := os.ReadFile(path)
			require.NoError(t, err)
			locked(t, path, func() { damage(t, path) })
			damaged := shape(t, path)
			cause := <-lost
			assert.ErrorIs(t, cause, lease.ErrLost)
			assert.ErrorIs(t, cause, lease.ErrRecord)
			assert.ErrorContains(t, cause, dir)
			assert.Error(t, first.Check())
			require.Eventually(t, func() bool {
				s := a.Status()
				return s.State == leader.Standby && errors.Is(s.Err, lease.ErrRecord)
			}, 30*time.Second, 10*time.Millisecond)
			assert.Equal(t, damaged, shape(t, path), "left as it was")

			locked(t, path, func() {
				require.NoError(t, os.RemoveAll(path))
				require.NoError(t, os.WriteFile(path, good, 0o600))
			})
			assert.Greater(t, (<-started).Token(), first.Token())
			stop()
			assert.NoError(t, <-ended)
		})
	}
}

// locked does what takes more than one step while nobody else writes the record: between the steps there is none, and a
// node that found none would begin at token 1 again.
func locked(t *testing.T, path string, do func()) {
	t.Helper()
	lock := flock.New(strings.TrimSuffix(path, ".json") + ".lock")
	require.NoError(t, lock.Lock())
	defer func() { require.NoError(t, lock.Unlock()) }()
	do()
}

// shape returns the content of the file at the path, or says that a directory is there.
func shape(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if info.IsDir() {
		return "directory"
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}
