//go:build unix

package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

// teamNames returns the cells in which teamRole counts.
func teamNames() (names []string) {
	for i := range 40 {
		names = append(names, fmt.Sprintf("job%d", i), fmt.Sprintf("%s%d", strings.Repeat("long", 60), i))
	}
	return names
}

// teamRole runs as a user who may use the directory, and whose umask gives no rights to others.
func teamRole(dir string, uid int) error {
	if err := become(uid); err != nil {
		return err
	}
	s := NewStore(dir)
	for _, name := range teamNames() {
		if _, _, _, err := increment(s, name); err != nil {
			return err
		}
	}
	return nil
}

// needRoot skips the test for those who cannot become several users; make test runs as root where that is so in CI.
func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become several users: run it as root")
	}
}

// Each creates files and directories while the other opens them.
func TestUsersOfOneGroupStartTogether(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := outside(t, 0)
	require.NoError(t, os.Chown(dir, 0, 65003))
	require.NoError(t, os.Chmod(dir, 0o770|fs.ModeSetgid))
	for _, p := range []*spawn.Process{start(t, "alice", dir), start(t, "bob", dir)} {
		for line := range p.Lines() {
			t.Errorf("alice or bob: %s", line)
		}
		require.NoError(t, p.Wait())
	}
	s := NewStore(dir)
	for _, name := range teamNames() {
		n, err := countOf(load(t, s, name))
		require.NoError(t, err)
		assert.Equal(t, 2, n, name)
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		assert.EqualValues(t, 65003, info.Sys().(*syscall.Stat_t).Gid, path)
		want := fs.FileMode(0o660)
		if entry.IsDir() {
			want = 0o770 | fs.ModeSetgid | fs.ModeDir
		}
		assert.Equal(t, want, info.Mode(), path)
		assert.False(t, strings.Count(entry.Name(), ".") > 1, "%s is left over", path)
		return nil
	}))
}

// Whatever root does to a service's leases, the service can go on.
func TestRootTakesNoFileFromAService(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, mode := range []fs.FileMode{0o700, 0o750, 0o770 | fs.ModeSetgid} {
		dir := outside(t, 0)
		require.NoError(t, os.Chown(dir, 65001, 65001))
		require.NoError(t, os.Chmod(dir, mode))
		wantDone(t, "alice", dir)
		s := NewStore(dir)
		names := teamNames()
		for _, name := range names {
			_, _, _, err := increment(s, name)
			require.NoError(t, err)
		}
		require.NoError(t, os.Chmod(filepath.Join(dir, "lease-job0.json"), 0o640)) // as its owner wants it
		swap(t, s, "job0", load(t, s, "job0").Version, counted(2))
		info, err := os.Stat(filepath.Join(dir, "lease-job0.json"))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o640), info.Mode())

		m := New(dir)
		_, err = m.Acquire(t.Context(), lease.Request{Name: "new", Holder: "root", Length: time.Minute})
		require.NoError(t, err)
		seen, err := lease.Inspect(t.Context(), m, "new")
		require.NoError(t, err)
		require.NoError(t, lease.Break(t.Context(), m, seen))
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := entry.Info()
			require.NoError(t, err)
			assert.EqualValues(t, 65001, info.Sys().(*syscall.Stat_t).Uid, path)
			assert.EqualValues(t, 65001, info.Sys().(*syscall.Stat_t).Gid, path)
			return nil
		}))
		wantDone(t, "alice", dir)
		n, err := countOf(load(t, s, names[1]))
		require.NoError(t, err)
		assert.Equal(t, 3, n)
	}
}

// On a file system without second names, a lock's file is made in its place.
func TestLockWithoutLinks(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	s.disk.link = func(string, string) error { return &os.LinkError{Op: "link", Err: errors.ErrUnsupported} }
	swap(t, s, "a", "", "x")
	assert.Equal(t, []string{"lease-a.json", "lease-a.lock"}, files(t, s.dir))
	require.NoError(t, s.makeLock(place(filepath.Join(s.dir, "lease-a"))))
	require.ErrorIs(t, s.touch(filepath.Join(s.dir, "lease-a.lock"), access{}), fs.ErrExist)
	_, err := s.lock(context.Background(), place(filepath.Join(s.dir, "none", "lease-a")), false)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// A lock's file is never there with fewer permissions than it is to have: another user would find it closed.
func TestLockAppearsWithItsPermissions(t *testing.T) {
	t.Parallel()
	s := NewStore(outside(t, 0o777))
	appeared := 0
	s.disk.link = func(from, to string) error {
		appeared++
		info, err := os.Stat(from)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o666), info.Mode(), "before it has its name")
		assert.NoFileExists(t, to)
		return os.Link(from, to)
	}
	swap(t, s, "a", swap(t, s, "a", "", "x"), "y")
	assert.Equal(t, 1, appeared)
}
